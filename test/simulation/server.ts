/**
 * A simulated server process: the shipped claim path and the envelopes' verbs and jobs, over lines to the two servers
 * that can lose, delay and break. One that dies is never heard of again: no call of it returns, no reply of it arrives.
 * One that is frozen finds, when it goes on, everything that came meanwhile.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import { createJobs, type Job } from '#platform/jobs.ts'
import { CommitUnknown, type Database, isDatabaseDown, isRowError } from '#platform/postgres.ts'
import { refuse, Unavailable } from '#platform/problem.ts'
import { withoutCaps } from '../../src/budgets/guard.ts'
import type { Claims, ClaimsPorts } from '../../src/claims/claims.ts'
import { createClaims } from '../../src/claims/claims.ts'
import { closeEnvelope } from '../../src/envelopes/close.ts'
import { createEnvelopeJobs } from '../../src/envelopes/jobs.ts'
import type { MerchantCaller } from '../../src/players/caller.ts'
import type { Auditor } from './auditor.ts'
import type { Dice } from './dice.ts'
import type { Faults } from './faults.ts'
import { createMemoryGate } from './memory-gate.ts'
import { idleTimeoutMs, type MemoryPostgres, type MemoryTx } from './memory-postgres.ts'
import { createMemoryRecord, type PostgresLine, toCommitFault } from './memory-record.ts'
import type { MemoryRedis } from './memory-redis.ts'
import type { Scheduler } from './scheduler.ts'

/** A Redis that processes are connected to, until it is gone. */
export type RedisNode = { redis: MemoryRedis; isGone: boolean; upAtMs: number }

export type ServerPorts = {
  scheduler: Scheduler
  dice: Dice
  postgres: MemoryPostgres
  isPostgresDown: () => boolean
  faults: Faults
  auditor: Auditor
  note: (what: () => string) => void
  /** How much slower than in life the jobs run, now: a run has few events to spare, and the quiet is long. */
  pace: () => { sweep: number; envelopes: number; forgotten: number }
}

export type Server = {
  name: string
  isAlive: boolean
  isFrozen: boolean
  skewMs: number
  claim: Claims['claim']
  close: (caller: MerchantCaller, id: string) => ReturnType<typeof closeEnvelope>
  kill(): void
  freeze(): void
  thaw(): void
  /** Connects to another Redis; the connection to the last one is closed. */
  connect(node: RedisNode): void
  node(): RedisNode
}

/** Thrown where a process dies. */
export class Crash extends Error {
  override name = 'Crash'
}

type Life = {
  name: string
  isAlive: boolean
  isFrozen: boolean
  skewMs: number
  held: (() => void)[]
  node: RedisNode
  identity: Promise<string> | undefined
}

export function createServer(ports: ServerPorts, name: string, node: RedisNode): Server {
  const { scheduler, postgres, faults, note } = ports
  const life: Life = {
    name,
    isAlive: true,
    isFrozen: false,
    skewMs: 0,
    held: [],
    node,
    identity: undefined,
  }
  /** Hands something to the process: at once, when it goes on, or never. */
  const deliver = (task: () => void): void => {
    if (!life.isAlive) return
    if (life.isFrozen) life.held.push(task)
    else task()
  }
  const clock: Clock = {
    nowMs: () => Math.floor(scheduler.nowMs() + life.skewMs),
    sleep: ms => new Promise(resolve => scheduler.after(ms, () => deliver(resolve))),
    after: (ms, task) => scheduler.after(ms, () => deliver(task)),
    atTurnEnd: task => void scheduler.after(0, () => deliver(task)),
  }
  const cutConnections = () => postgres.abortWhere(tx => tx.owner === name)
  const kill = () => {
    note(() => `${name} dies`)
    life.isAlive = false
    // What was on its way still arrives; then PostgreSQL sees that nobody is there.
    scheduler.after(ports.dice.between(0, 20), cutConnections)
  }
  const reach: NonNullable<ClaimsPorts<MemoryTx>['reach']> = point => {
    if (!life.isAlive || !faults.isDeadly(point, name)) return
    kill()
    throw new Crash(point)
  }
  const verbs = compose(ports, life, { clock, deliver, reach })
  const server: Server = {
    name,
    get isAlive() {
      return life.isAlive
    },
    get isFrozen() {
      return life.isFrozen
    },
    get skewMs() {
      return life.skewMs
    },
    set skewMs(ms: number) {
      life.skewMs = ms
    },
    ...verbs,
    kill: () => {
      if (life.isAlive) kill()
    },
    ...createFrost(ports, life, deliver),
    connect(next) {
      life.node = next
      life.identity = undefined
    },
    node: () => life.node,
  }
  return server
}

/** A process that stands still: what reaches it waits, and PostgreSQL ends its idle transactions. */
function createFrost(
  { scheduler, postgres, note }: ServerPorts,
  life: Life,
  deliver: (task: () => void) => void,
): Pick<Server, 'freeze' | 'thaw'> {
  const { name } = life
  return {
    freeze() {
      note(() => `${name} freezes`)
      life.isFrozen = true
      const isIdle = (tx: MemoryTx) =>
        tx.owner === name &&
        tx.waitsFor === undefined &&
        scheduler.nowMs() - tx.usedAtMs >= idleTimeoutMs - 100
      scheduler.after(idleTimeoutMs + 50, () => {
        if (life.isFrozen) postgres.abortWhere(isIdle)
      })
    },
    thaw() {
      if (!life.isFrozen) return
      note(() => `${name} goes on`)
      life.isFrozen = false
      // Each as an event of its own: what one of them settles runs before the next.
      for (const task of life.held.splice(0)) scheduler.after(0, () => deliver(task))
    },
  }
}

type Inside = {
  clock: Clock
  deliver: (task: () => void) => void
  reach: NonNullable<ClaimsPorts<MemoryTx>['reach']>
}

const hmacSecret = 'a secret for simulations, long enough'

function compose(ports: ServerPorts, life: Life, { clock, deliver, reach }: Inside) {
  const { auditor, dice, pace } = ports
  const log = createLog(ports, life)
  const gate = createMemoryGate({
    ask: command => askRedis(ports, life, { deliver, command }),
    identity: () => readIdentity(ports, life, deliver),
  })
  const record = createMemoryRecord(createLine(ports, life, deliver))
  const announcer = {
    envelopeOpened: () => {},
    cellsChanged: () => {},
    envelopeEnded: (end: { id: string; reason: string }) => {
      if (life.isAlive) auditor.heardEnd(life.name, end.id, end.reason)
    },
    toPlayer: (playerId: string, frame: Parameters<Auditor['heardFrame']>[2]) => {
      if (life.isAlive) auditor.heardFrame(life.name, playerId, frame)
    },
  }
  const positions = createPositions(auditor)
  const random = {
    fraction: dice.fraction,
    bytes: (size: number) => Buffer.from(Array.from({ length: size }, () => dice.between(0, 255))),
  }
  const claims = createClaims<MemoryTx>({
    ...{ gate, sweepGate: gate, record: record.claims, positions, announcer, clock, random, log, hmacSecret },
    ...{ isRowError, isOutage: isDatabaseDown, reach, budgets: { ...withoutCaps, isFrozen: () => false } },
  })
  const { transact, envelopes, ledger } = record
  const endPorts = { transact, record: envelopes, ledger, announcer, gates: claims, clock, isRowError, log }
  const envelopeJobs = createEnvelopeJobs(endPorts)
  const slowDown = (job: Job, factor: () => number): Job => ({
    ...job,
    get everyMs() {
      return job.everyMs * factor()
    },
  })
  const slowed = [
    ...claims.jobs.map(job => slowDown(job, () => (job.name === 'sweep' ? pace().sweep : pace().forgotten))),
    ...envelopeJobs.map(job => slowDown(job, () => pace().envelopes)),
  ]
  const withLock: Database['withLock'] = ({ scope, id }, run) =>
    record.claims.withLocks(scope, [String(id)], async held =>
      held.length > 0 ? { status: 'ran' as const, value: await run() } : { status: 'busy' as const },
    )
  createJobs(slowed, { clock, database: { withLock }, log }).start()
  return {
    claim: claims.claim,
    close: (caller: MerchantCaller, id: string) => closeEnvelope(endPorts, { caller, id }),
  }
}

/** The gate of positions lets everybody in who stands there: who does is told by the accuracy of the fix. */
export const farAccuracyM = 101

function createPositions(auditor: Auditor): ClaimsPorts<MemoryTx>['positions'] {
  const unused = () => Promise.reject(new Error('a claim does not move anybody'))
  return {
    ...{ move: unused, viewpoint: unused, lastCell: unused, standing: unused, admit: unused },
    ...{ allowance: unused, pause: unused },
    async enter(player, _envelopeId, fix, place) {
      if (place === undefined || !place.isOpenToPlayer || fix.accuracyM >= farAccuracyM) {
        return refuse('out_of_reach')
      }
      if (place.permit === 'taken') auditor.permit(player.id, 1)
      return { status: 'entered', cell: place.cell12 }
    },
    leave: async player => auditor.permit(player.id, -1),
    reward: async () => {},
  }
}

/** Whether a fault is one that the servers cause, and not a mistake of ours. */
export const isOutage = (error: unknown): boolean =>
  error instanceof Crash || error instanceof Unavailable || isDatabaseDown(error)

function createLog({ auditor, note }: ServerPorts, life: Life): Logger {
  const say = (what: { err?: unknown }, message: string) => {
    if (!life.isAlive) return
    const cause = what.err instanceof Error ? ` (${what.err.name}: ${what.err.message})` : ''
    note(() => `${life.name} logs: ${message}${cause}`)
  }
  const log = {
    info: say,
    error: (what: { err?: unknown }, message: string) => {
      say(what, message)
      const isKnown = isOutage(what.err) || message.startsWith('a reservation cannot be settled')
      if (life.isAlive && !isKnown) auditor.sawFault(`${life.name}: ${message}`, what.err)
    },
  }
  return log as unknown as Logger
}

const redisTimeoutMs = 2_000

type RedisCall<V> = { deliver: (task: () => void) => void; command: (redis: MemoryRedis) => V }

function askRedis<V>(ports: ServerPorts, life: Life, { deliver, command }: RedisCall<V>): Promise<V> {
  const { scheduler, dice, faults } = ports
  const { node } = life
  return new Promise((resolve, reject) => {
    if (!life.isAlive) return
    const fate = faults.drawRedisFate()
    const fail = (why: string) => deliver(() => reject(new Unavailable(`Redis: ${why}`)))
    if (fate === 'lost_request') return void scheduler.after(redisTimeoutMs, () => fail('Command timed out'))
    scheduler.after(drawDelayMs(dice), () => {
      if (node.isGone || scheduler.nowMs() < node.upAtMs) return fail('Connection is closed')
      let value: V
      try {
        value = command(node.redis)
      } catch (error) {
        return deliver(() => reject(error as Error))
      }
      if (fate === 'lost_reply') return scheduler.after(redisTimeoutMs, () => fail('Command timed out'))
      reply(ports, { isSlow: fate === 'slow_reply', longestMs: 1_900 }, () => deliver(() => resolve(value)))
    })
  })
}

const drawDelayMs = (dice: Dice): number => (dice.chance(0.05) ? dice.between(5, 60) : dice.between(1, 3))

/** Half of the replies arrive with what they answer: the delay of the request is delay enough. */
function reply(
  { scheduler, dice }: ServerPorts,
  { isSlow, longestMs }: { isSlow: boolean; longestMs: number },
  task: () => void,
): void {
  if (isSlow) scheduler.after(dice.between(100, longestMs), task)
  else if (dice.chance(0.5)) task()
  else scheduler.after(drawDelayMs(dice), task)
}

function readIdentity(ports: ServerPorts, life: Life, deliver: Inside['deliver']): Promise<string> {
  life.identity ??= askRedis(ports, life, { deliver, command: redis => redis.identity }).catch(error => {
    life.identity = undefined
    throw error
  })
  return life.identity
}

/** How long a COMMIT without an answer may take to happen. */
const doubtMs = 400

const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const broken = () => new Error('Connection terminated unexpectedly')

function createLine(ports: ServerPorts, life: Life, deliver: Inside['deliver']): PostgresLine {
  const { scheduler, postgres } = ports
  return {
    postgres,
    owner: life.name,
    ask: (statement, tx) => askPostgres(ports, life, { deliver, statement, tx }),
    commit: tx => commit(ports, life, { deliver, tx }),
    drop: tx => void scheduler.after(doubtMs + 1, () => postgres.abort(tx)),
    watchIdle: tx => scheduler.after(idleTimeoutMs, () => postgres.abort(tx)),
  }
}

type PostgresCall<V> = {
  deliver: Inside['deliver']
  statement: () => V | Promise<V>
  tx: MemoryTx | undefined
}

function askPostgres<V>(
  ports: ServerPorts,
  life: Life,
  { deliver, statement, tx }: PostgresCall<V>,
): Promise<V> {
  const { scheduler, dice, faults, postgres } = ports
  return new Promise((resolve, reject) => {
    if (!life.isAlive) return
    const fate = faults.drawPostgresFate()
    const answer = (task: () => void) => {
      if (fate !== 'lost_reply') {
        return reply(ports, { isSlow: fate === 'slow_reply', longestMs: 4_000 }, () => deliver(task))
      }
      if (tx !== undefined) postgres.abort(tx)
      scheduler.after(dice.between(1, 2_000), () => deliver(() => reject(broken())))
    }
    const run = async () => {
      if (ports.isPostgresDown()) throw refused()
      return statement()
    }
    scheduler.after(drawDelayMs(dice), () => {
      run().then(
        value => answer(() => resolve(value)),
        (error: Error) => answer(() => reject(error)),
      )
    })
  })
}

function commit(
  ports: ServerPorts,
  life: Life,
  { deliver, tx }: { deliver: Inside['deliver']; tx: MemoryTx },
): Promise<void> {
  const { scheduler, dice, faults, postgres } = ports
  return new Promise((resolve, reject) => {
    if (!life.isAlive) return
    const fate = faults.drawCommitFate(tx)
    if (fate === 'none') {
      scheduler.after(drawDelayMs(dice), () => {
        try {
          if (ports.isPostgresDown()) throw refused()
          postgres.commit(tx)
          reply(ports, { isSlow: false, longestMs: 0 }, () => deliver(resolve))
        } catch (error) {
          reply(ports, { isSlow: false, longestMs: 0 }, () =>
            deliver(() => reject(toCommitFault(error) as Error)),
          )
        }
      })
      return
    }
    // The server gets to COMMIT before or after the client gives up, or sees the connection go instead.
    scheduler.after(dice.between(1, doubtMs), () => {
      if (fate === 'unknown_applied' && tx.status === 'open' && !ports.isPostgresDown()) postgres.commit(tx)
      else postgres.abort(tx)
    })
    const doubt = () => reject(new CommitUnknown('the connection broke at COMMIT', { cause: broken() }))
    scheduler.after(dice.between(1, doubtMs), () => deliver(doubt))
  })
}
