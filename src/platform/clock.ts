/**
 * Time is an argument everywhere else: this module is the only one that reads the machine's clock,
 * so tests and the fault simulation can drive every rule, script and statement with a clock of their own.
 */
export type Clock = {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number
  /** Resolves after `ms` milliseconds of this clock. */
  sleep(ms: number): Promise<void>
  /** Calls `task` once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, task: () => void): Cancel
  /** Calls `task` when everything that this turn of the event loop has brought was looked at. */
  atTurnEnd(task: () => void): void
}

export type Cancel = () => void

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: ms => new Promise(resolve => setTimeout(resolve, ms)),
  after: (ms, task) => {
    const timer = setTimeout(task, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  atTurnEnd: task => void setImmediate(task),
}
