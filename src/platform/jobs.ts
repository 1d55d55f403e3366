/**
 * Periodic work. Every server runs every job; a transaction-level advisory lock per (job, shard) makes each batch run
 * on one server at a time. A job that fails is logged once and tried again at its next turn.
 */
import type { Logger } from 'pino'
import type { Cancel, Clock } from './clock.ts'
import type { Database } from './postgres.ts'

export type Job = {
  name: string
  everyMs: number
  shards?: number
  /** Which shards have work, asked before any lock is taken; all where it is not told. */
  due?(): Promise<readonly number[]>
  /** Runs one batch; a full batch asks to be called again at once. */
  run(shard: number): Promise<{ more: boolean }>
}

/** A turn of a job on this server, whatever it found to do. */
export type JobTurn = { job: string; outcome: 'done' | 'failed' }

export type Jobs = { start(): void; stop(): Promise<void> }

export function createJobs(
  jobs: readonly Job[],
  ports: {
    clock: Clock
    database: Pick<Database, 'withLock'>
    log: Pick<Logger, 'error'>
    onTurn?: (turn: JobTurn) => void
  },
): Jobs {
  let isStopping = false
  const running = new Set<Promise<void>>()
  /** The next turn of each job. */
  const cancels = new Map<Job, Cancel>()

  async function runShards(job: Job): Promise<void> {
    const shards = (await job.due?.()) ?? Array.from({ length: job.shards ?? 1 }, (_, shard) => shard)
    for (const shard of shards) {
      for (let more = true; more && !isStopping; ) {
        const key = { scope: `job:${job.name}`, id: shard }
        const turn = await ports.database.withLock(key, () => job.run(shard))
        more = turn.status === 'ran' && turn.value.more
      }
    }
  }

  function schedule(job: Job): void {
    if (isStopping) return
    const cancel = ports.clock.after(job.everyMs, () => {
      const turn = runShards(job)
        .then(
          () => ports.onTurn?.({ job: job.name, outcome: 'done' }),
          (error: unknown) => {
            ports.log.error({ err: error, job: job.name }, 'job failed')
            ports.onTurn?.({ job: job.name, outcome: 'failed' })
          },
        )
        .finally(() => {
          running.delete(turn)
          schedule(job)
        })
      running.add(turn)
    })
    cancels.set(job, cancel)
  }

  return {
    start: () => jobs.forEach(schedule),
    stop: async () => {
      isStopping = true
      for (const cancel of cancels.values()) cancel()
      await Promise.all(running)
    },
  }
}
