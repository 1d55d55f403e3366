/**
 * Threads for what would keep the event loop busy, and with it every claim. A few of them run a module's function
 * `runTask`, one task each, and are started when first needed; as many more tasks may wait. Whoever comes then is told
 * to come again: better than an answer that nobody waits for any more. A task that takes too long is ended with its
 * thread.
 */
import { Worker } from 'node:worker_threads'
import { Unavailable } from './problem.ts'

export type Workers<Task, Result> = {
  /** Throws `Unavailable` where all are busy and no place is left to wait, or the task takes too long. */
  run(task: Task): Promise<Result>
  /** Ends what runs; what waits fails. */
  close(): Promise<void>
}

export type WorkerOptions = { module: URL; threads: number; waiting: number; withinMs: number }

type Job<Task, Result> = {
  task: Task
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}
type Reply<Result> = { result: Result } | { error: unknown }

/** A fill keeps some ten MiB; what wants more is stopped before the server has none left. */
const resourceLimits = { maxOldGenerationSizeMb: 256 }

export function createWorkers<Task, Result>(options: WorkerOptions): Workers<Task, Result> {
  const { module, threads, waiting, withinMs } = options
  const queue: Job<Task, Result>[] = []
  const idle: Worker[] = []
  const all = new Set<Worker>()

  function start(): Worker {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      ...{ workerData: module.href, execArgv: [], resourceLimits },
    })
    all.add(worker)
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      all.delete(worker)
      if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1)
    })
    return worker
  }

  /** One answer for each job: what the task returned or threw, its lateness, or the end of its thread. */
  function assign(worker: Worker, { task, resolve, reject }: Job<Task, Result>): void {
    const late = setTimeout(() => fail(new Unavailable(`a task took longer than ${withinMs} ms`)), withinMs)
    function leave(): void {
      clearTimeout(late)
      worker.off('message', hear).off('error', fail).off('exit', end)
    }
    function fail(error: unknown): void {
      leave()
      all.delete(worker)
      void worker.terminate()
      reject(error)
      const next = queue.shift()
      if (next !== undefined) assign(start(), next)
    }
    function hear(reply: Reply<Result>): void {
      leave()
      if ('error' in reply) reject(reply.error)
      else resolve(reply.result)
      const next = queue.shift()
      if (next === undefined) idle.push(worker)
      else assign(worker, next)
    }
    const end = (code: number) => fail(new Error(`a worker has ended with ${code}`))
    worker.on('message', hear).on('error', fail).on('exit', end)
    worker.postMessage(task)
  }

  return {
    run: task =>
      new Promise((resolve, reject) => {
        const job = { task, resolve, reject }
        const worker = idle.pop() ?? (all.size < threads ? start() : undefined)
        if (worker !== undefined) assign(worker, job)
        else if (queue.length < waiting) queue.push(job)
        else reject(new Unavailable('all workers are busy'))
      }),
    async close() {
      for (const { reject } of queue.splice(0)) reject(new Unavailable('the server is closing'))
      await Promise.all([...all].map(worker => worker.terminate()))
    },
  }
}
