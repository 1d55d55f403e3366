/**
 * Timers that need not be exact, for thousands of sockets: a timing wheel (Varghese and Lauck, 1987). What is due in
 * the same step of 100 ms shares one timer of the clock: a place in a set, not a timer and two functions each.
 */
import type { Cancel, Clock } from '#platform/clock.ts'

export type Wheel = {
  /** Calls `task.due` once after `ms`, and a step at most; the slot is where to take it back. */
  put(task: Task, ms: number): Slot
}

export type Task = { due(): void }

export type Slot = { take(task: Task): void }

const STEP_MS = 100

export function createWheel(clock: Clock): Wheel {
  const slots = new Map<number, SharedSlot>()
  return {
    put(task, ms) {
      const atMs = STEP_MS * Math.ceil((clock.nowMs() + ms) / STEP_MS)
      let slot = slots.get(atMs)
      if (slot === undefined) {
        slot = new SharedSlot(clock, atMs, () => slots.delete(atMs))
        slots.set(atMs, slot)
      }
      slot.put(task)
      return slot
    },
  }
}

class SharedSlot implements Slot {
  private readonly tasks = new Set<Task>()
  private readonly cancel: Cancel
  private readonly onEmpty: () => void

  constructor(clock: Clock, atMs: number, onEmpty: () => void) {
    this.onEmpty = onEmpty
    this.cancel = clock.after(atMs - clock.nowMs(), () => {
      onEmpty()
      // Those that one of them takes back do not come any more; and none is held once it came.
      for (const task of this.tasks) {
        this.tasks.delete(task)
        task.due()
      }
    })
  }

  put(task: Task): void {
    this.tasks.add(task)
  }

  take(task: Task): void {
    if (!this.tasks.delete(task) || this.tasks.size > 0) return
    this.cancel()
    this.onEmpty()
  }
}
