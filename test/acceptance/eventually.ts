/** Waiting for what another process does: asked again until it is so, never for a fixed time. */
import { setTimeout as sleep } from 'node:timers/promises'

export type Patience = { withinMs?: number; everyMs?: number; explain?: () => string }

/** The first answer that is not `undefined`; throws, with what `explain` says, when there is none in time. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  { withinMs = 45_000, everyMs = 20, explain }: Patience = {},
): Promise<T> {
  const deadlineMs = Date.now() + withinMs
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (Date.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}. ${explain?.() ?? ''}`)
    await sleep(everyMs)
  }
}
