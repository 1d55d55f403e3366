/**
 * Money: a rush on real processes, Redis and a server killed with `kill -9` in the middle of it, twice each; then every
 * cent counted again by the auditor of the chaos runs, against what each client was told, and by `npm run reconcile`.
 */
import { allFaults } from '../chaos/faults/unleash.ts'
import { countFindings, runTrial, type Verdict } from '../chaos/trial.ts'
import type { Found } from './lines.ts'

const kills = ['kill -9 of Redis', 'kill -9 of a server'] as const
const TIMES = 2
const OVER_MS = 12_000

const findKill = (kind: string) => {
  const found = allFaults.find(fault => fault.kind === kind)
  if (found === undefined) throw new Error(`there is no fault '${kind}'`)
  return found
}

export async function proveMoney(seed: number, progress: (line: string) => void): Promise<Found> {
  const plan = Array.from({ length: TIMES }, () => kills.map(findKill)).flat()
  const verdict = await runTrial({
    ...{ seed, plan, servers: 2, isForgetful: false, patience: 0.3, rate: 600, atOnce: 1 },
    overMs: OVER_MS,
    latestMs: 4 * OVER_MS,
    // As short as may be where nothing is stuck any more.
    quietMs: { least: 8_000, most: 45_000 },
    progress,
  })
  return judgeMoney(verdict)
}

export type Counted = Pick<
  Verdict,
  'attempts' | 'wins' | 'hides' | 'findings' | 'odd' | 'reconciled' | 'holds' | 'struck'
>

/** Kills that found nothing to kill prove nothing. */
export function judgeMoney({
  attempts,
  wins,
  hides,
  findings,
  odd,
  reconciled,
  holds,
  struck,
}: Counted): Found {
  const times = kills.map(kind => struck.get(kind)?.struck ?? 0)
  const { oversold, paidTwice, missing, stuck } = findings
  const wrong = countFindings(findings) - Number(findings.centsOff) + odd.length
  const counts = [oversold, paidTwice, missing, stuck, odd].map(list => list.length)
  const [sold, twice, lost, left, strange] = counts
  const rest =
    wrong === 0
      ? 'nothing oversold, paid twice, lost or stuck'
      : `${sold} oversold, ${twice} paid twice, ${lost} lost, ${left} stuck, ${strange} odd answers`
  const said = [
    `${findings.centsOff} cents off after ${whole(attempts)} claims on ${whole(hides)} envelopes, ${whole(wins)} won`,
    `kill -9 of Redis × ${times[0]} and of a server × ${times[1]} meanwhile`,
    `${rest}; reconcile ${reconciled ? 'agrees' : 'DOES NOT AGREE'}`,
  ].join('; ')
  return { holds: holds && wins > 0 && times.every(count => count > 0), said }
}

const whole = (value: number): string => value.toLocaleString('en')
