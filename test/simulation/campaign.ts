/** Many seeds one after another: what happened in all of them, up to the first that breaks an invariant. */
import type { Violation } from './auditor.ts'
import type { FaultKind } from './faults.ts'
import { type Run, runSeed } from './run.ts'

export type Tally = {
  seeds: number
  calls: number
  faults: Partial<Record<FaultKind, number>>
  failure: { seed: number; violation: Violation } | undefined
}

export const emptyTally = (): Tally => ({ seeds: 0, calls: 0, faults: {}, failure: undefined })

export function addTally(sum: Tally, part: Tally): void {
  sum.seeds += part.seeds
  sum.calls += part.calls
  sum.failure ??= part.failure
  for (const [kind, times] of Object.entries(part.faults) as [FaultKind, number][]) {
    sum.faults[kind] = (sum.faults[kind] ?? 0) + times
  }
}

export type Campaign = {
  seed: number
  seeds: number
  /** Told now and then what came since the last time. */
  onProgress?: (part: Tally) => void
  isOver?: () => boolean
}

const progressEvery = 250

export async function runSeeds({ seed: first, seeds, onProgress, isOver }: Campaign): Promise<Tally> {
  const sum = emptyTally()
  let part = emptyTally()
  const report = () => {
    addTally(sum, part)
    onProgress?.(part)
    part = emptyTally()
  }
  const watch = watchRejections()
  try {
    for (let i = 0; i < seeds && !isOver?.(); i++) {
      const run = await runSeed(first + i)
      addRun(part, run, watch.take())
      if (part.failure !== undefined) break
      if (part.seeds === progressEvery) report()
    }
    report()
  } finally {
    watch.stop()
  }
  return sum
}

function addRun(part: Tally, { seed, violation, calls, faults }: Run, unhandled: Error | undefined): void {
  part.seeds += 1
  part.calls += calls
  for (const [kind, times] of faults) part.faults[kind] = (part.faults[kind] ?? 0) + times
  const what = violation ?? (unhandled && { invariant: 'F', what: `unhandled: ${unhandled.stack}` })
  if (what !== undefined) part.failure = { seed, violation: what }
}

/** A rejection that nobody handles would end a real process: it is a failure of the seed that it came from. */
function watchRejections() {
  let first: Error | undefined
  const note = (error: unknown) => {
    if ((error as Error).name !== 'Crash') first ??= error as Error
  }
  process.on('unhandledRejection', note)
  return {
    take: () => {
      const found = first
      first = undefined
      return found
    },
    stop: () => process.off('unhandledRejection', note),
  }
}
