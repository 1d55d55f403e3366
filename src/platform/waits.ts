/**
 * What a request waited for, in milliseconds, for the header Server-Timing. Only the sandbox keeps it: to a millisecond
 * it would tell which way an answer was found, and that is nobody's business where places are secret.
 */
import type { Awaitable } from './awaitable.ts'

export type Waits = { redis?: number; pg?: number }

/**
 * `work` itself; the time that it takes is added to `waits`, if there are any, before whoever awaits it goes on. What
 * is there already was not waited for.
 */
export function timed<T>(waits: Waits | undefined, what: keyof Waits, work: Awaitable<T>): Awaitable<T> {
  if (waits === undefined || !(work instanceof Promise)) return work
  const startMs = performance.now()
  const note = () => {
    waits[what] = (waits[what] ?? 0) + performance.now() - startMs
  }
  work.then(note, note)
  return work
}

/** `redis;dur=0.8, pg;dur=3.1`; nothing where nothing was waited for. */
export const formatWaits = (waits: Waits): string | undefined =>
  Object.entries(waits)
    .map(([what, ms]) => `${what};dur=${ms.toFixed(1)}`)
    .join(', ') || undefined
