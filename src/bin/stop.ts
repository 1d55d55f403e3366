/**
 * The way out, taken once: at the first signal, or at an error that nobody caught. Ctrl-C often comes twice, from the
 * terminal and from npm, or from an impatient hand; whoever left at the second one would leave PostgreSQL and Redis
 * running. So later signals say nothing new, and a limit keeps the wait finite. The listeners stay for good: between
 * removing one and adding another, a signal would end the process on the spot.
 */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type StopCause = { signal: string } | { error: unknown }

export type Stopping = {
  hasBegun(): boolean
  /** For another cause than a signal or an error that nobody caught. */
  begin(cause: StopCause): void
}

/** Exits with 0 after a signal; with 1 after an error, or when `stop` fails or takes longer than `withinMs`. */
export function stopOnce(stop: (cause: StopCause) => Promise<void>, options: { withinMs: number }): Stopping {
  let hasBegun = false

  async function begin(cause: StopCause): Promise<void> {
    if (hasBegun) return
    hasBegun = true
    setTimeout(() => process.exit(1), options.withinMs).unref()
    try {
      await stop(cause)
      process.exit('error' in cause ? 1 : 0)
    } catch {
      process.exit(1)
    }
  }

  for (const signal of signals) process.on(signal, () => void begin({ signal }))
  process.on('uncaughtException', error => void begin({ error }))
  process.on('unhandledRejection', error => void begin({ error }))
  return { hasBegun: () => hasBegun, begin: cause => void begin(cause) }
}
