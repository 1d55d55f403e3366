/** Work that no answer waits for: it runs behind the answer, is logged when it fails, and a shutdown waits for it. */
import type { Logger } from 'pino'

export type Background = {
  /** `what` names the work where it fails. */
  run(work: Promise<unknown>, what: string): void
  /** Resolves when everything that was begun has ended. */
  finish(): Promise<void>
}

export function createBackground(log: Pick<Logger, 'error'>): Background {
  const underWay = new Set<Promise<unknown>>()
  return {
    run(work, what) {
      const logged: Promise<unknown> = work
        .catch((error: unknown) => log.error({ err: error }, what))
        .finally(() => underWay.delete(logged))
      underWay.add(logged)
    },
    finish: async () => {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
