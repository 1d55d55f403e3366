/** The clock of the bots: so many times as fast as ours, from 0. */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export type BotsClock = {
  readonly pace: number
  /** It stands at 0 until then. */
  start(): void
  nowMs(): number
  /** Resolves when it is so late, or when all is over. */
  until(ms: number): Promise<void>
}

export function createClock(pace: number, signal?: AbortSignal): BotsClock {
  let startMs: number | undefined
  // Every bot waits for it.
  if (signal !== undefined) setMaxListeners(0, signal)
  const nowMs = () => (startMs === undefined ? 0 : (performance.now() - startMs) * pace)
  return {
    pace,
    nowMs,
    start: () => void (startMs = performance.now()),
    async until(ms) {
      const waitMs = (ms - nowMs()) / pace
      if (waitMs <= 0 || signal?.aborted) return
      try {
        await sleep(waitMs, undefined, signal === undefined ? {} : { signal })
      } catch (error) {
        // Called off: whoever waited looks whether all is over.
        if ((error as Error).name !== 'AbortError') throw error
      }
    },
  }
}
