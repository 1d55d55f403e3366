/**
 * Periodic work. Every server runs every job; a transaction-level advisory lock per (job, shard) makes each batch run
 * on one server at a time. A job that fails is logged once and tried again at its next turn.
 */
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import type { Database } from './postgres.ts'

export type Job = {
  name: string
  everyMs: number
  shards?: number
  /** Runs one batch; a full batch asks to be called again at once. */
  run(shard: number): Promise<{ more: boolean }>
}

export type Jobs = { start(): void; stop(): Promise<void> }

export function createJobs(
  jobs: readonly Job[],
  ports: { clock: Clock; database: Database; log: Logger },
): Jobs {
  let isStopping = false
  const running = new Set<Promise<void>>()

  async function runShards(job: Job): Promise<void> {
    for (let shard = 0; shard < (job.shards ?? 1) && !isStopping; shard++) {
      for (let more = true; more && !isStopping; ) {
        const key = { scope: `job:${job.name}`, id: shard }
        const turn = await ports.database.withLock(key, () => job.run(shard))
        more = turn.status === 'ran' && turn.value.more
      }
    }
  }

  function schedule(job: Job): void {
    if (isStopping) return
    ports.clock.after(job.everyMs, () => {
      const turn = runShards(job)
        .catch((error: unknown) => ports.log.error({ err: error, job: job.name }, 'job failed'))
        .finally(() => {
          running.delete(turn)
          schedule(job)
        })
      running.add(turn)
    })
  }

  return {
    start: () => jobs.forEach(schedule),
    stop: async () => {
      isStopping = true
      await Promise.all(running)
    },
  }
}
