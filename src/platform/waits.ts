/**
 * What a request waited for, in milliseconds, for the header Server-Timing. Only the sandbox keeps it: to a millisecond
 * it would tell which way an answer was found, and that is nobody's business where places are secret.
 */
export type Waits = { redis?: number; pg?: number }

/** `work`, with the time that it takes added to `waits`; where nobody keeps them, `work` itself. */
export function timed<T>(waits: Waits | undefined, what: keyof Waits, work: Promise<T>): Promise<T> {
  return waits === undefined ? work : noteWait(waits, what, work)
}

async function noteWait<T>(waits: Waits, what: keyof Waits, work: Promise<T>): Promise<T> {
  const startMs = performance.now()
  try {
    return await work
  } finally {
    waits[what] = (waits[what] ?? 0) + performance.now() - startMs
  }
}

/** `redis;dur=0.8, pg;dur=3.1`; nothing where nothing was waited for. */
export const formatWaits = (waits: Waits): string | undefined =>
  Object.entries(waits)
    .map(([what, ms]) => `${what};dur=${ms.toFixed(1)}`)
    .join(', ') || undefined
