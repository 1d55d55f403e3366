/** Which faults happen when: drawn from the seed by weight, or each kind in turn, spread evenly, overlapping. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../dice.ts'
import type { Rig } from '../rig.ts'
import type { Fault } from './fault.ts'
import { keyFaults } from './keys.ts'
import { crashes, processFaults } from './processes.ts'
import { redisFaults } from './redis.ts'
import { wireFaults } from './wires.ts'

export const allFaults: readonly Fault[] = [...wireFaults, ...keyFaults, ...redisFaults, ...processFaults]

/** `each`: every kind in turn; `drawn`: by weight. */
export function planFaults(dice: Dice, { count, how }: { count: number; how: 'each' | 'drawn' }): Fault[] {
  if (how === 'each') return Array.from({ length: count }, (_, i) => allFaults[i % allFaults.length] as Fault)
  const lots = allFaults.flatMap(fault => Array.from({ length: fault.weight }, () => fault))
  return Array.from({ length: count }, () => dice.pick(lots))
}

/** Each failpoint `times`. */
export const planCrashes = (times: number): Fault[] =>
  Array.from({ length: times * crashes.length }, (_, i) => crashes[i % crashes.length] as Fault)

/** How many struck and how many found nothing to strike, by kind. */
export type Struck = Map<string, { struck: number; missed: number }>

/** Begins the planned faults over `overMs`, `atOnce` of them at a time at most, and waits for the last to end. */
export async function unleash(
  rig: Rig,
  plan: readonly Fault[],
  { dice, overMs, atOnce }: { dice: Dice; overMs: number; atOnce: number },
): Promise<Struck> {
  const struck: Struck = new Map(plan.map(({ kind }) => [kind, { struck: 0, missed: 0 }]))
  const waiting = plan.map((fault, i) => ({
    fault,
    dice: dice.fork(),
    dueMs: Date.now() + (i * overMs) / plan.length,
  }))
  const strikeAll = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await sleep(Math.max(0, next.dueMs - Date.now()))
      const tally = struck.get(next.fault.kind)
      const hasStruck = await next.fault.strike(rig, next.dice)
      if (tally) tally[hasStruck ? 'struck' : 'missed']++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, strikeAll))
  return struck
}
