/** What operators see of a running server: each figure of /metrics that is no request's, and where it comes from. */
import type { FastifyInstance } from 'fastify'
import { Counter, Histogram, Registry } from 'prom-client'
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import type { Connections } from '#platform/connections.ts'
import { type FleetMember, type Registries, showAlone } from '#platform/fleet.ts'
import type { JobTurn } from '#platform/jobs.ts'
import { pingDatabase } from '#platform/health.ts'
import {
  addGauge,
  createRegistry,
  type GaugeOptions,
  observeRequests,
  registerMetrics,
  type Sample,
} from '#platform/metrics.ts'
import { createOverload, type Overload } from '#platform/overload.ts'
import { createDatabase } from '#platform/postgres.ts'
import { chainRecord } from './chain/postgres.ts'
import type { Claims } from './claims/claims.ts'
import { deadLetterRecord } from './claims/postgres.ts'
import { reconcileRecord } from './ledger/postgres.ts'
import { createBooksWatch } from './ledger/books-watch.ts'
import { reconcileLedger } from './ledger/reconcile.ts'
import type { Hub } from './realtime/hub.ts'
import { measureQueue } from './webhooks/postgres.ts'

type Ports = {
  config: ReadyConfig
  connections: Connections
  clock: Clock
  log: Logger
  /** The other workers behind the same port. */
  fleet: FleetMember | undefined
}

/** What exists only when the game is composed. */
type Shown = { claims: Pick<Claims, 'unsettledSinceMs' | 'outboxLagMs'>; hub: Pick<Hub, 'count'> }

type Parts = Ports & Shown & { registries: Registries; overload: Overload }

/** A count of whole tables may take long, and nobody waits for it. */
const reconcileTimeoutMs = 120_000

export function composeMetrics(ports: Ports) {
  const { config, connections, clock, fleet } = ports
  const registries: Registries = { own: createRegistry(), stores: new Registry() }
  const overload = createOverload({ clock, waiting: () => connections.database.use().waiting })
  let closeBooks = async () => {}
  return {
    ...createEventFigures(registries.own),
    overload,
    /** Before the first route. */
    observe: (http: FastifyInstance) => observeRequests(http, registries.own),
    /** Adds /metrics. */
    show(http: FastifyInstance, shown: Shown) {
      const { operatorKey, metricsKey = operatorKey, isSandbox } = config
      closeBooks = addGauges({ ...ports, ...shown, registries, overload }).close
      fleet?.join(registries)
      const show = fleet?.show ?? (() => showAlone(registries))
      registerMetrics(http, { show, keys: [operatorKey, metricsKey], sandbox: isSandbox })
    },
    async close() {
      overload.stop()
      await closeBooks()
    },
  }
}

/** What parts of the game tell as it happens. */
function createEventFigures(registry: Registry) {
  const registers = [registry]
  const rebuilds = new Counter({
    ...{ name: 'hexbao_gate_rebuilds_total', help: 'Gates that were filled from PostgreSQL.', registers },
  })
  const turns = new Counter({
    ...{ name: 'hexbao_job_turns_total', help: 'Turns of periodic work, by outcome.', registers },
    labelNames: ['job', 'outcome'],
  })
  const ticks = new Histogram({
    ...{ name: 'hexbao_tick_duration_seconds', help: 'How long the sessions of a tick spoke.', registers },
    buckets: [0.001, 0.005, 0.025, 0.1, 0.25, 1],
  })
  return {
    onRebuilt: () => rebuilds.inc(),
    onTurn: ({ job, outcome }: JobTurn) => turns.inc({ job, outcome }),
    onTick: (tookMs: number) => ticks.observe(tookMs / 1_000),
  }
}

const one = (value: number | undefined): Sample[] => (value === undefined ? [] : [{ value }])

type Read = () => Sample[] | Promise<Sample[]>
type Add = (name: string, help: string, read: Read, more?: Pick<GaugeOptions, 'labels' | 'over'>) => void

const adderTo =
  (registry: Registry): Add =>
  (name, help, read, more) =>
    addGauge(registry, { name: `hexbao_${name}`, help, ...more }, read)

/** Everything that is read when somebody looks; `close` ends what reading took. */
function addGauges(parts: Parts): { close(): Promise<void> } {
  const { registries, hub, overload, claims, clock } = parts
  const add = adderTo(registries.own)

  add('sockets', 'Sockets that are open.', () => one(hub.count().sockets))
  add('players_connected', 'Players with a session here.', () => one(hub.count().players))
  add(
    'admitted_share',
    'Share of requests that is let in: below 1 there is overload.',
    () => one(overload.figures().share),
    { over: 'min' },
  )
  add('requests_shed', 'Requests refused for overload since the start.', () => one(overload.figures().shed))
  add(
    'unsettled_age_seconds',
    'Age of the oldest win of this server that waits for PostgreSQL.',
    () => {
      const sinceMs = claims.unsettledSinceMs()
      return one(sinceMs === undefined ? 0 : (clock.nowMs() - sinceMs) / 1_000)
    },
    { over: 'max' },
  )
  addConnections(parts, add)
  const addStored = adderTo(registries.stores)
  addBacklogs(parts, addStored)
  return addBooks(parts, addStored)
}

/** A store that does not answer shows as 0 here and nothing below: the page itself never depends on them. */
function addConnections({ connections: { database, game, redis } }: Parts, add: Add): void {
  add(
    'postgres_connections',
    'Connections to PostgreSQL, and statements that wait for one.',
    () => {
      const { total, idle, waiting } = database.use()
      return [
        { labels: { state: 'busy' }, value: total - idle },
        { labels: { state: 'idle' }, value: idle },
        { labels: { state: 'waiting' }, value: waiting },
      ]
    },
    { labels: ['state'] },
  )
  const answers = (asked: Promise<unknown>): Promise<number> =>
    asked.then(
      () => 1,
      // Logged where the connection is.
      () => 0,
    )
  add(
    'store_up',
    'Whether a store answered just now.',
    async () => {
      const [postgres, up] = await Promise.all([answers(pingDatabase(game)), answers(redis.ping())])
      return [
        { labels: { store: 'postgres' }, value: postgres },
        { labels: { store: 'redis' }, value: up },
      ]
    },
    { labels: ['store'], over: 'min' },
  )
}

/** What waits in the stores for one of the servers. */
function addBacklogs({ connections: { game }, claims }: Parts, add: Add): void {
  // A figure that is missing, and `store_up`, say the rest.
  const attempt = (read: Promise<number>): Promise<Sample[]> => read.then(one, () => [])
  /** Two figures of one count, which are read at the same time. */
  let counting: ReturnType<typeof measureQueue> | undefined
  const queue = () => (counting ??= measureQueue(game).finally(() => (counting = undefined)))
  add('outbox_lag_seconds', "Age of the oldest reservation behind the sweeper's cursor.", () =>
    attempt(claims.outboxLagMs().then(ms => ms / 1_000)),
  )
  add('dead_letters', 'Reservations that PostgreSQL refuses and an operator has to look at.', () =>
    attempt(deadLetterRecord.countLetters(game)),
  )
  add('unlinked_transfers', 'Transfers that wait for their link of the audit chain.', () =>
    attempt(chainRecord.countUnlinked(game)),
  )
  add('webhooks_waiting', 'Deliveries that are due or wait for their next attempt.', () =>
    attempt(queue().then(({ waiting }) => waiting)),
  )
  add('webhook_lag_seconds', 'How long the delivery that is due for longest has been due.', () =>
    attempt(queue().then(({ lagS }) => lagS)),
  )
}

function addBooks({ config: { databaseUrl }, clock, log }: Parts, add: Add): { close(): Promise<void> } {
  const database = createDatabase({
    ...{ url: databaseUrl, role: 'hexbao_game', connections: 1, statementTimeoutMs: reconcileTimeoutMs },
    onIdleError: error => log.warn({ err: error }, 'connection'),
  })
  const books = createBooksWatch({
    ...{ reconcile: () => reconcileLedger({ record: reconcileRecord, database }), clock, log },
  })
  add('oversold', 'Envelopes with more or other shares won than they had.', () => one(books.read()?.oversold))
  add('double_paid', 'Claims or coupons that were not paid exactly once.', () =>
    one(books.read()?.doublePaid),
  )
  add('unbalanced', 'Every other difference that the books show.', () => one(books.read()?.unbalanced))
  add('books_age_seconds', 'Age of the last count of the books.', () => {
    const countedAtMs = books.read()?.countedAtMs
    return one(countedAtMs === undefined ? undefined : (clock.nowMs() - countedAtMs) / 1_000)
  })
  return {
    async close() {
      await books.settle()
      await database.close()
    },
  }
}
