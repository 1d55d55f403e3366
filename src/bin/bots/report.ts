/** What a city of bots came to: in words, for machines, and whether it is what has to hold. */
import { holds as proofHolds, type Proof } from '../load/proof.ts'
import { formatProof } from '../load/report.ts'
import { bands } from '../play/walker.ts'
import {
  cheatsPercent,
  type Counted,
  type Counts,
  honestRefusedPercent,
  quantileOf,
  sumOf,
} from './census.ts'
import { type Profile, profiles } from './profiles.ts'
import type { ReplayResult } from './replay.ts'

export type Thresholds = { refusedPercent: number; cheatsPercent: number; differences: number }

export type Outcome = {
  bots: readonly Profile[]
  seed: number
  pace: number
  counted: Counted
  unsettled: number
  tookMs: number
  proof: Proof
  replayed: Pick<ReplayResult, 'asked' | 'differences' | 'hints'> | undefined
}

/** What does not hold, in words. */
export function judge({ counted, proof, unsettled, replayed }: Outcome, limits: Thresholds): string[] {
  const say = (isBroken: boolean, what: string) => (isBroken ? [what] : [])
  const [refused, cheats] = [honestRefusedPercent(counted), cheatsPercent(counted)]
  const differences = replayed === undefined ? 0 : sumOf(replayed.differences)
  return [
    ...say(!proofHolds(proof), 'the books do not hold'),
    ...say(unsettled > 0, `${unsettled} claims were promised an answer and have none`),
    ...counted.faults.map(fault => `cut off: ${fault}`),
    ...say(
      refused > limits.refusedPercent,
      `${refused.toFixed(3)} % of what honest bots asked was refused, at most ${limits.refusedPercent} %`,
    ),
    ...say(
      cheats > limits.cheatsPercent,
      `${cheats.toFixed(3)} % of the cheats succeeded, at most ${limits.cheatsPercent} %`,
    ),
    ...say(
      differences > limits.differences,
      `${differences} answers differ from the recorded ones, at most ${limits.differences}`,
    ),
  ]
}

const list = (counts: Counts): string =>
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} ${whole(times)}`)
    .join(', ')
const inBrackets = (text: string): string => (text === '' ? '' : ` (${text})`)
const whole = (value: number): string => value.toLocaleString('en')
const row = (name: string, text: string): string => `${name.padEnd(10)}${text}`

export function formatOutcome(outcome: Outcome, broken: readonly string[]): string[] {
  const { counted, seed, pace, tookMs, proof, replayed } = outcome
  const { honest, search, lies, hints, sockets, finds } = counted
  const heard = bands.map(band => `${band} ${whole(hints.get(band) ?? 0)}`).join(', ')
  const isReplay = replayed !== undefined
  return [
    row(
      'bots',
      isReplay ? `${outcome.bots.length}, replayed` : `${describeBots(outcome.bots)}, seed ${seed}`,
    ) + `; their clock × ${pace}; ${(tookMs / 1_000).toFixed(1)} s`,
    ...(isReplay
      ? formatReplay(replayed)
      : [
          row('honest', `${whole(honest.fixes)} fixes and ${whole(honest.tries)} claims: `) +
            `${honestRefusedPercent(counted).toFixed(3)} % refused${inBrackets(list(honest.refused))}`,
          row(
            '',
            `${whole(search.outOfReach)} claims were a search out of reach, ${whole(search.onSpot)} on the spot`,
          ),
          row('cheats', `${whole(lies.told)} lies: ${cheatsPercent(counted).toFixed(3)} % succeeded`) +
            `; refused: ${list(lies.refused) || 'none'}` +
            (lies.late > 0 ? `; ${whole(lies.late)} were too late to be lies` : ''),
          row('found', `${whole(finds)} shares; ${describeFirsts(outcome)}`),
        ]),
    row('hints', heard),
    row('sockets', `${sockets.sleeps} sleeps; ${sockets.resumed} resumed, ${sockets.anew} opened anew`),
    ...formatProof(proof).map((line, i) => row(i === 0 ? 'books' : '', line)),
    ...broken.map(what => row('BROKEN', what)),
    broken.length === 0 ? 'HOLDS' : 'BROKEN',
  ]
}

function formatReplay({ asked, differences, hints }: NonNullable<Outcome['replayed']>): string[] {
  return [
    row('replay', `${whole(asked)} fixes and claims: ${whole(sumOf(differences))} answers differ`),
    ...[...differences].map(([name, times]) => row('', `${name}: ${whole(times)}`)),
    row('', `hints that only the recorded run gave: ${hints.gone}; only this one: ${hints.new}`),
  ]
}

function describeBots(bots: readonly Profile[]): string {
  const of = (profile: Profile) => bots.filter(one => one === profile).length
  const parts = (Object.keys(profiles) as Profile[]).filter(one => of(one) > 0)
  return `${bots.length} (${parts.map(one => `${of(one)} ${one}${of(one) === 1 ? '' : 's'}`).join(', ')})`
}

function describeFirsts({ counted: { firstFindsMs }, bots }: Outcome): string {
  const honest = bots.filter(profile => profile !== 'spoofer').length
  const minutes = (part: number) => `${((quantileOf(firstFindsMs, part) ?? 0) / 60_000).toFixed(1)} min`
  if (firstFindsMs.length === 0) return `none of ${honest} honest bots found any`
  const nothing = honest - firstFindsMs.length
  return `first find p50 ${minutes(0.5)}, p90 ${minutes(0.9)}; ${nothing} of ${honest} found nothing`
}

/** Money as decimal strings, counts as objects. */
export function describeJson(outcome: Outcome, broken: readonly string[]): string {
  const { counted, bots, seed, pace, unsettled, tookMs, proof, replayed } = outcome
  const percents = { honestRefused: honestRefusedPercent(counted), cheatsSucceeded: cheatsPercent(counted) }
  const { firstFindsMs, ...counts } = counted
  const firstFind = {
    bots: firstFindsMs.length,
    p50Ms: quantileOf(firstFindsMs, 0.5),
    p90Ms: quantileOf(firstFindsMs, 0.9),
  }
  const profilesOfBots = Object.fromEntries(
    Object.keys(profiles).map(name => [name, bots.filter(one => one === name).length]),
  )
  const all = {
    ...{ bots: profilesOfBots, seed, pace, tookMs, percents, ...counts, firstFind, unsettled },
    ...{ replayed, proof: { ...proof, holds: proofHolds(proof) }, broken },
  }
  const plain = (_name: string, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Map ? Object.fromEntries(value) : value
  return JSON.stringify({ ...all, holds: broken.length === 0 }, plain, 2)
}
