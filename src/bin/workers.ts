/**
 * Several servers on one machine, behind one port: this process starts them (node:cluster), keeps as many as were asked
 * for, and replaces them one by one at SIGUSR2. It serves nobody itself. Workers are servers as any other: they share
 * PostgreSQL and Redis and know nothing of each other; only the figures of /metrics are added up here.
 */
import cluster, { type Worker } from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import { createDeferred } from '#platform/deferred.ts'
import { createFleetDesk, type FleetDesk } from '#platform/fleet.ts'
import { createSupervisor, type Order, type WorkerEvent } from './supervisor.ts'

/** What the primary tells a worker whose successor is ready. */
export const retire = 'retire'

/** A worker connects and prepares its scripts before it listens: a second or two on a machine that is not starved. */
const startMostMs = 60_000

export type Workers = {
  /** The port that all of them listen on, once each does; rejects where they cannot. */
  port: Promise<number>
  stop(): Promise<void>
}

type Options = {
  config: ReadyConfig
  count: number
  progress: (line: string) => void
  /** After all have listened once: there is no use in going on. */
  onGiveUp: (error: Error) => void
}

export function startWorkers({ config, count, progress, onGiveUp }: Options): Workers {
  const supervisor = createSupervisor(count)
  const running = new Map<number, Worker>()
  const [up, done] = [createDeferred<number>(), createDeferred<void>()]
  const desk = openDesk(progress)
  let [listening, isStopping] = [0, false]
  const take = (event: WorkerEvent): void => supervisor.take(event).forEach(follow)
  const onGone = (id: number): void => take({ type: 'exited', id, atMs: systemClock.nowMs() })

  function start(id: number): void {
    if (isStopping) return
    const worker = forkServer(config, {
      ...{ id, desk },
      onListening(port) {
        if (++listening === count) up.resolve(port)
        take({ type: 'ready', id })
      },
      onExit() {
        running.delete(id)
        onGone(id)
      },
    })
    running.set(id, worker)
  }

  function stopOne(id: number): void {
    const worker = running.get(id)
    // One that was to start later has nothing to stop.
    if (worker === undefined) onGone(id)
    else worker.process.kill('SIGTERM')
  }

  function giveUp(reason: string): void {
    isStopping = true
    const error = new Error(reason)
    if (listening < count) up.reject(error)
    else onGiveUp(error)
  }

  function follow(order: Order): void {
    switch (order.order) {
      case 'start':
        if (order.afterMs > 0) progress(`a worker ended; another one starts in ${order.afterMs} ms`)
        return void systemClock.sleep(order.afterMs).then(() => start(order.id))
      case 'retire':
        return void running.get(order.id)?.send(retire)
      case 'stop':
        return stopOne(order.id)
      case 'give_up':
        return giveUp(order.reason)
      case 'done':
        return done.resolve(undefined)
    }
  }

  cluster.setupPrimary({ exec: fileURLToPath(new URL('server.ts', import.meta.url)), args: [] })
  supervisor.begin().forEach(follow)
  process.on('SIGUSR2', () => {
    progress('SIGUSR2: replacing the workers, one at a time …')
    take({ type: 'restart' })
  })
  return {
    port: up.promise,
    stop() {
      isStopping = true
      take({ type: 'stop' })
      return done.promise
    },
  }
}

type Notices = { id: number; desk: FleetDesk; onListening(port: number): void; onExit(): void }

const openDesk = (progress: (line: string) => void): FleetDesk =>
  createFleetDesk({
    clock: systemClock,
    onFault: error => progress(`figures of the workers: ${(error as Error).message}`),
  })

/** One that hangs before it listens is no better than one that dies, and is killed. */
function forkServer(config: ReadyConfig, { id, desk, onListening, onExit }: Notices): Worker {
  const worker = cluster.fork(environmentOf(config))
  const late = setTimeout(() => worker.process.kill('SIGKILL'), startMostMs)
  worker.on('listening', ({ port }) => {
    clearTimeout(late)
    // A line that breaks ends with its worker, and that is told as its exit.
    desk.welcome(id, { send: message => worker.isConnected() && worker.send(message, () => undefined) })
    onListening(port)
  })
  worker.on('message', message => desk.hear(id, message))
  worker.on('exit', () => {
    clearTimeout(late)
    desk.leave(id)
    onExit()
  })
  return worker
}

/** What is configured, generated and started already, as a server without `--local` takes it. */
function environmentOf(config: ReadyConfig): Record<string, string> {
  const { jwt, couponKeys } = config
  const keys = [...couponKeys].map(([name, key]) => `${name}:${Buffer.from(key).toString('base64')}`)
  return {
    MODE: config.mode,
    LOG_LEVEL: config.logLevel,
    DATABASE_URL: config.databaseUrl,
    REDIS_URL: config.redisUrl,
    OPERATOR_KEY: config.operatorKey,
    HMAC_SECRET: config.hmacSecret,
    COUPON_KEYS: keys.join(','),
    ...(jwt.secret !== undefined && { JWT_SECRET: jwt.secret }),
  }
}
