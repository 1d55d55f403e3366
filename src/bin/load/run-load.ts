/**
 * The load itself, open-loop: arrivals come when the plan says, whether or not the server keeps up, and what they take
 * is counted from when they were due. So a server that stands still for a second is seen to have kept waiting all who
 * would have come in that second, not only the few who were inside. Who finds everything busy is counted as missed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, isFinal, type Meaning, meaningOf, reasonOf, waitAfter } from './answers.ts'
import type { Asking } from './asking.ts'
import { createHistogram, type Histogram } from './histogram.ts'
import type { Arrival, Plan } from './plan.ts'
import { createPromises, type Promises } from './promises.ts'
import type { Stage } from './stage.ts'

export type LoadOptions = {
  stage: Stage
  plan: Plan
  asking: Pick<Asking, 'claim'>
  durationMs: number
  /** Visits under way at a time; whoever comes when there are so many is missed. */
  atOnce: number
  /** Told once a second. */
  onProgress?: (progress: Progress) => void
}

export type Tally = {
  /** Visits: one player who asks for one envelope until the answer is final. */
  begun: number
  missed: number
  /** Visits that gave up without a final answer. */
  unresolved: number
  answers: number
  /** By meaning, and within it by reason. */
  outcomes: Map<Meaning, Map<string, number>>
  latency: Histogram
  /** What the server says that answers waited for. */
  redis: Histogram
  pg: Histogram
}

export type Progress = Tally & { elapsedMs: number; durationMs: number; underWay: number }
export type LoadResult = Tally & { tookMs: number; promises: Promises }

const ASKS = 40
const STEP_MS = 2
const PROGRESS_MS = 1_000

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { plan, durationMs, atOnce, onProgress } = options
  const tally: Tally = {
    ...{ begun: 0, missed: 0, unresolved: 0, answers: 0, outcomes: new Map() },
    ...{ latency: createHistogram(), redis: createHistogram(), pg: createHistogram() },
  }
  const promises = createPromises()
  const startMs = performance.now()
  const visits = new Set<Promise<void>>()
  const elapsed = () => performance.now() - startMs

  function begin(arrival: Arrival): void {
    if (visits.size >= atOnce) return void tally.missed++
    tally.begun++
    const visit = pay(options, { arrival, tally, promises, startMs }).finally(() => visits.delete(visit))
    visits.add(visit)
  }

  let next = plan.next()
  let toldMs = 0
  const tell = () => onProgress?.({ ...tally, elapsedMs: elapsed(), durationMs, underWay: visits.size })
  while (next.atMs < durationMs) {
    for (const nowMs = elapsed(); next.atMs <= nowMs && next.atMs < durationMs; next = plan.next())
      begin(next)
    if (elapsed() - toldMs >= PROGRESS_MS) {
      toldMs = elapsed()
      tell()
    }
    await sleep(STEP_MS)
  }
  await Promise.all(visits)
  tell()
  return { ...tally, tookMs: elapsed(), promises }
}

type Visit = { arrival: Arrival; tally: Tally; promises: Promises; startMs: number }

/** Asks as a good client does, until the answer is final. */
async function pay({ stage, plan, asking }: LoadOptions, visit: Visit): Promise<void> {
  const { arrival, tally, promises, startMs } = visit
  const { player, envelope } = arrival
  const [claimant, target] = [stage.claimants[player], stage.targets[envelope]]
  if (claimant === undefined || target === undefined) throw new RangeError('the plan is of another stage')
  let dueMs = startMs + arrival.atMs
  for (let asked = 0; asked < ASKS; asked++) {
    const { answer, waits } = await asking.claim(player, target.id, { isDropped: plan.dropsReply() })
    const meaning = meaningOf(answer)
    note(tally, answer, meaning)
    if (meaning !== 'dropped') tally.latency.record(performance.now() - dueMs)
    if (waits !== undefined) {
      tally.redis.record(waits.redisMs)
      tally.pg.record(waits.pgMs)
    }
    if (answer.status === 'claimed') promises.noteWin(claimant.id, answer)
    if (meaning === 'ended') promises.noteEnd(claimant.id, target.id)
    if (isFinal(meaning)) return
    await sleep(waitAfter(answer))
    dueMs = performance.now()
  }
  tally.unresolved++
}

function note(tally: Tally, answer: Answer, meaning: Meaning): void {
  tally.answers++
  const reasons = tally.outcomes.get(meaning) ?? new Map<string, number>()
  tally.outcomes.set(meaning, reasons)
  reasons.set(reasonOf(answer), (reasons.get(reasonOf(answer)) ?? 0) + 1)
}

export const countOf = ({ outcomes }: Pick<Tally, 'outcomes'>, meaning: Meaning): number =>
  [...(outcomes.get(meaning)?.values() ?? [])].reduce((sum, count) => sum + count, 0)
