/** Every attack, on the naive build that it is made for and on a game, over each wire that it can use. */
import { createDice } from '../../src/bin/play/dice.ts'
import { type Attack, attacks } from './attacks.ts'
import { type Finding, runAttack } from './finding.ts'
import type { Game } from './game.ts'
import { createGameBuild } from './game-build.ts'
import { createNaiveBuild } from './naive-build.ts'
import { createSites, type Site } from './sites.ts'
import type { Effort } from './strategies.ts'

export type Size = { own: number; others: number; effort: Effort }

/** A border is found to so much: a quarter of what the naive build has to give away. */
export const precisionM = 0.1

export async function attackNaive({ seed, size }: { seed: number; size: Size }): Promise<Finding[]> {
  const [sites, dice] = [createSites(), createDice(seed)]
  const findings: Finding[] = []
  for (const attack of attacks) {
    const build = createNaiveBuild({ hint: attack.naive, dice })
    findings.push(await runAttack(attack, build, { ...drawSites(sites, size), effort: size.effort }))
  }
  return findings
}

export type GameTrial = {
  size: Size
  /** What may be attacked at once. */
  atOnce: number
  onFinding?: (finding: Finding) => void
  /** Every byte that an attacker is sent. */
  onText?: (text: string) => void
  /** Told before it is attacked. */
  onPlace?: (site: Site) => void
}

export async function attackGame(game: Game, trial: GameTrial): Promise<Finding[]> {
  const { size, atOnce, onText, onFinding, onPlace } = trial
  const sites = createSites()
  // Drawn beforehand: whichever is ready first, each attacks the same places in every run.
  const waiting = attacks.flatMap(attack =>
    attack.wires.map(wire => ({ attack, wire, drawn: drawSites(sites, size) })),
  )
  const findings = new Map<string, Finding>()
  const names = waiting.map(nameOf)

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { attack, wire, drawn } = next
      for (const site of [...drawn.own, ...drawn.others]) onPlace?.(site)
      const askBy = attack.askBy === undefined ? {} : { askBy: attack.askBy }
      const build = createGameBuild(game, { wire, ...askBy, ...(onText && { onText }) })
      const finding = await runAttack(attack, build, { ...drawn, effort: size.effort })
      findings.set(nameOf(next), finding)
      onFinding?.(finding)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return names.flatMap(name => findings.get(name) ?? [])
}

const nameOf = ({ attack, wire }: { attack: Attack; wire: string }): string => `${attack.name} ${wire}`

function drawSites(sites: ReturnType<typeof createSites>, { own, others }: Size) {
  const draw = (count: number): Site[] => Array.from({ length: count }, () => sites.next().value)
  return { own: draw(own), others: draw(others) }
}
