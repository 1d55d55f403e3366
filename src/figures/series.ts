/** Steps of a time series, made of quarters of an hour: hours of UTC, or days of the campaign's own time zone. */
import { dayOf } from '#platform/day.ts'
import type { Quarter } from './ports.ts'

export type By = 'hour' | 'day'

export type Step = Omit<Quarter, 'atMs'> & { name: string }

const hourMs = 3_600_000

/** `quarters` latest first; the steps oldest first, the latest `most` of them. */
export function foldQuarters(
  quarters: readonly Quarter[],
  { by, timeZone, most }: { by: By; timeZone: string; most: number },
): Step[] {
  const nameOf = (atMs: number): string =>
    by === 'day' ? dayOf(atMs, timeZone) : new Date(Math.floor(atMs / hourMs) * hourMs).toISOString()
  const steps = new Map<string, Step>()
  for (const { atMs, revealed, claimed, amountMinor } of quarters) {
    const name = nameOf(atMs)
    const step = steps.get(name) ?? { name, revealed: 0, claimed: 0, amountMinor: 0n }
    steps.set(name, {
      name,
      revealed: step.revealed + revealed,
      claimed: step.claimed + claimed,
      amountMinor: step.amountMinor + amountMinor,
    })
  }
  return [...steps.values()].slice(0, most).reverse()
}
