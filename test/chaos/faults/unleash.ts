/** Which faults happen when: drawn from the seed by weight, or each failpoint in turn, spread evenly, overlapping. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { Rig } from '../rig.ts'
import type { Fault } from './fault.ts'
import { keyFaults } from './keys.ts'
import { crashes, processFaults } from './processes.ts'
import { redisFaults } from './redis.ts'
import { wireFaults } from './wires.ts'

/** From wires, which cost nothing, to processes, which take seconds to come back. */
export const allFaults: readonly Fault[] = [...wireFaults, ...keyFaults, ...redisFaults, ...processFaults]

/** Drawn by weight, of those kinds that match. */
export function drawFaults(dice: Dice, { count, kinds }: { count: number; kinds: RegExp }): Fault[] {
  const lots = allFaults
    .filter(({ kind }) => kinds.test(kind))
    .flatMap(fault => Array.from({ length: fault.weight }, () => fault))
  return Array.from({ length: count }, () => dice.pick(lots))
}

/** Each failpoint `times`. */
export const planCrashes = (times: number): Fault[] =>
  Array.from({ length: times * crashes.length }, (_, i) => crashes[i % crashes.length] as Fault)

/** How many struck and how many found nothing to strike, by kind. */
export type Struck = Map<string, { struck: number; missed: number }>

export type Unleashing = {
  dice: Dice
  overMs: number
  /** Nothing begins later than this, however slow the machine is. */
  latestMs: number
  /** Faults that go on at a time, at most. */
  atOnce: number
  /** Called when a fault is over. */
  onOver: (kind: string) => void
}

/** Another fault was there first: nobody listens where this one wanted to strike. */
function missWhatIsDown(error: Error & { code?: string }): false {
  const isDown =
    /^(Connection is closed|Stream isn't writeable|Command timed out|LOADING|MISCONF|READONLY|OOM)/.test(
      error.message,
    )
  if (isDown || error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') return false
  throw error
}

/** Begins the planned faults, and waits for the last to end. */
export async function unleash(
  rig: Rig,
  plan: readonly Fault[],
  { dice, overMs, latestMs, atOnce, onOver }: Unleashing,
): Promise<Struck> {
  const struck: Struck = new Map(plan.map(({ kind }) => [kind, { struck: 0, missed: 0 }]))
  const startMs = Date.now()
  const waiting = plan.map((fault, i) => ({ fault, dice: dice.fork(), atMs: (i * overMs) / plan.length }))
  const isInTime = () => Date.now() - startMs <= latestMs
  const hurried: Rig = {
    ...rig,
    inTurn: (name, strike) => rig.inTurn(name, async () => isInTime() && (await strike())),
  }
  const strikeAll = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await sleep(Math.max(0, startMs + next.atMs - Date.now()))
      const hasStruck = isInTime() && (await next.fault.strike(hurried, next.dice).catch(missWhatIsDown))
      const tally = struck.get(next.fault.kind)
      if (tally) tally[hasStruck ? 'struck' : 'missed']++
      if (hasStruck) onOver(next.fault.kind)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, strikeAll))
  return struck
}
