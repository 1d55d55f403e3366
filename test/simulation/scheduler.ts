/**
 * Virtual time: events in order of time, and of arrival where the times are equal. After each event every promise that
 * it settled runs to its end before the next one begins, so a run depends on the seed alone.
 */
import type { Cancel } from '#platform/clock.ts'

const settled = Promise.resolve()

type Event = { atMs: number; order: number; task: (() => void) | undefined }

export type Scheduler = {
  nowMs(): number
  /** Calls `task` after `ms`; the returned function cancels it. */
  after(ms: number, task: () => void): Cancel
  /** Runs what is due by `untilMs`, and leaves the time there, or until it is over; throws what an event throws. */
  run(untilMs: number, isOver?: () => boolean): Promise<void>
  /** How many events have run. */
  events(): number
}

export function createScheduler(startMs: number): Scheduler {
  const heap: Event[] = []
  let nowMs = startMs
  let order = 0
  let events = 0

  /** The next event, if it is due by then. */
  function take(untilMs: number): (() => void) | undefined {
    for (;;) {
      const first = heap[0]
      if (first === undefined || first.atMs > untilMs) return undefined
      removeFirst(heap)
      if (first.task === undefined) continue
      nowMs = first.atMs
      events += 1
      return first.task
    }
  }

  return {
    nowMs: () => nowMs,
    events: () => events,
    after(ms, task) {
      const event: Event = { atMs: nowMs + Math.max(0, ms), order: order++, task }
      insert(heap, event)
      return () => {
        event.task = undefined
      }
    },
    run: (untilMs, isOver = () => false) =>
      new Promise((resolve, reject) => {
        const step = () => {
          if (isOver()) return resolve()
          const task = take(untilMs)
          if (task === undefined) {
            nowMs = Math.max(nowMs, untilMs)
            return resolve()
          }
          try {
            task()
          } catch (error) {
            return reject(error as Error)
          }
          // A tick that a microtask asks for comes when all microtasks have run: cheaper than a turn of the event loop.
          void settled.then(nextTick)
        }
        const nextTick = () => process.nextTick(step)
        step()
      }),
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

function insert(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent] as Event
    if (!isBefore(event, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = event
}

function removeFirst(heap: Event[]): void {
  const last = heap.pop() as Event
  const size = heap.length
  if (size === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1
    if (!isBefore(heap[child] as Event, last)) break
    heap[at] = heap[child] as Event
    at = child
  }
  heap[at] = last
}
