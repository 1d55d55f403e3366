/**
 * PostgreSQL at the edge: statements are files, prepared once per connection; a transaction is a value that each
 * owner's port receives. READ COMMITTED always: nothing may depend on SERIALIZABLE.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type CustomTypesConfig, Pool, type PoolClient, types as standardTypes } from 'pg'
import { formatArray } from './postgres-array.ts'

/** One parameterised statement from a `.sql` file; the name lets PostgreSQL keep its plan. */
export type Statement = {
  readonly name: string
  readonly text: string
  /** It is a SELECT: what it does ends with its transaction, and it may be sent before that is known to have begun. */
  readonly isSelect?: boolean
}

export type Row = Record<string, unknown>

/**
 * Where statements run: inside one transaction, or each in its own. In a transaction they run in the order of the
 * calls, and several that nobody waits for in between leave together.
 */
export type Tx = {
  query<R extends Row>(statement: Statement, params?: readonly unknown[]): Promise<R[]>
}

/** Commits what `run` did, or nothing. */
export type Transact = <T>(run: (tx: Tx) => Promise<T>) => Promise<T>

export type Database = Tx & {
  /** Commits what `run` did, or nothing. Throws {@link CommitUnknown} when the connection died at COMMIT. */
  transact<T>(run: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `run` on one unmoving picture of the whole database, in which nothing can be written. */
  snapshot<T>(run: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `run` while a transaction-level advisory lock is held, or says that another holds it. */
  withLock<T>(key: LockKey, run: () => Promise<T>): Promise<{ status: 'ran'; value: T } | { status: 'busy' }>
  /** The same with several at once: `run` is told which of them are held. */
  withLocks<T, K extends LockKey>(keys: readonly K[], run: (held: readonly K[]) => Promise<T>): Promise<T>
  /** Connections of the pool that statements and transactions share, and how many wait for one. */
  use(): { total: number; idle: number; waiting: number }
  close(): Promise<void>
}

export type LockKey = { scope: string; id: string | number }

/** The connection broke while COMMIT was under way: the work may or may not be recorded. */
export class CommitUnknown extends Error {
  override name = 'CommitUnknown'
}

export type DatabaseOptions = {
  url: string
  /**
   * Role taken on every connection. The server runs as `hexbao_game`, which cannot rewrite money, and requests of
   * merchants as `hexbao_merchant`, which sees the rows of whoever the transaction names.
   */
  role?: 'hexbao_game' | 'hexbao_merchant'
  connections: number
  statementTimeoutMs?: number
  onIdleError: (error: Error) => void
}

const int8Oid = 20
const types: CustomTypesConfig = {
  // int8 as bigint: money never passes through a double.
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8Oid
      ? BigInt
      : standardTypes.getTypeParser(oid, format)) as CustomTypesConfig['getTypeParser'],
}

/** As many as hold locks at once in a process: its jobs, its rebuilds, and the rebuild that a sweep asks for. */
export const lockConnections = 10

export function createDatabase(options: DatabaseOptions): Database {
  const pool = createPool(options, options.connections)
  // Whoever holds a lock works on other connections: with one pool for both, holders could wait for each other.
  const locks = createPool(options, lockConnections)
  const withLocks: Database['withLocks'] = (keys, run) =>
    transactOn(locks, {
      run: async tx => {
        const rows = await tx.query<{ place: number }>(tryLocks, [keys.map(lockNumber)])
        const places = new Set(rows.map(({ place }) => place))
        return run(keys.filter((_, place) => places.has(place)))
      },
    })
  return {
    query: (statement, params) => runStatement(pool, statement, params),
    transact: run => transactOn(pool, { run }),
    snapshot: run => transactOn(pool, { run, begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY' }),
    withLock: (key, run) =>
      withLocks([key], async held =>
        held.length > 0 ? { status: 'ran' as const, value: await run() } : { status: 'busy' as const },
      ),
    withLocks,
    use: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: async () => {
      await Promise.all([pool.end(), locks.end()])
    },
  }
}

function createPool(options: DatabaseOptions, max: number): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max,
    types,
    pipeline: true,
    connectionTimeoutMillis: 5_000,
    statement_timeout: options.statementTimeoutMs ?? 5_000,
    lock_timeout: 4_000,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'hexbao',
    options: settingsOf(options),
  })
  pool.on('error', options.onIdleError)
  // Between hands nobody listens: an error that arrives with the very bytes that free a connection would end the
  // process. Whoever has the connection next hears of it from their first statement.
  pool.on('connect', client => client.on('error', () => {}))
  return pool
}

/**
 * What is asked for on the hot paths lies in memory, where any page is as near as the next. Where PostgreSQL believes
 * in a disk that seeks, a batch of look-ups in a table that is filling up is a scan of the table, and stays one until
 * somebody analyses it: settlements became four times as dear within minutes.
 */
const settingsOf = ({ role }: DatabaseOptions): string =>
  ['random_page_cost=1.1', ...(role === undefined ? [] : [`role=${role}`])].map(it => `-c ${it}`).join(' ')

type Transaction<T> = { run: (tx: Tx) => Promise<T>; begin?: string }

async function transactOn<T>(pool: Pool, { run, begin = 'BEGIN' }: Transaction<T>): Promise<T> {
  const client = await pool.connect()
  const begun = client.query(begin)
  const { tx, end } = inside(client, begun)
  let fault: Error | undefined
  try {
    const value = await run(tx)
    await begun
    end()
    await commit(client)
    return value
  } catch (error) {
    end()
    fault = error as Error
    // A connection that cannot even roll back is thrown away below; PostgreSQL rolls back for it.
    if (!(error instanceof CommitUnknown)) {
      await client.query('ROLLBACK').then(
        () => (fault = undefined),
        () => undefined,
      )
    }
    throw error
  } finally {
    client.release(fault)
  }
}

/** Advisory locks are numbers: 63 bits of a hash of what is locked. */
export function lockNumber({ scope, id }: LockKey): bigint {
  return createHash('sha256').update(`${scope}:${id}`).digest().readBigInt64BE() >> 1n
}

const clients = new WeakMap<Tx, PoolClient>()

/**
 * The inside of a transaction whose BEGIN is on its way. What reads leaves behind it at once, which spares the trip;
 * the rest waits until it is answered: should it fail, whatever is written would be written for good. After `end` a
 * statement that somebody forgot to wait for is refused instead of running in the next transaction of the connection.
 */
function inside(client: PoolClient, begun: Promise<unknown>): { tx: Tx; end: () => void } {
  let [hasBegun, mustWait, isOver] = [false, false, false]
  begun.then(
    () => (hasBegun = true),
    () => undefined,
  )
  const tx: Tx = {
    async query(statement, params) {
      mustWait ||= statement.isSelect !== true
      if (mustWait && !hasBegun) await begun
      if (isOver) throw new Error(`the transaction of ${statement.name} is over`)
      return runStatement(client, statement, params)
    },
  }
  clients.set(tx, client)
  return { tx, end: () => void (isOver = true) }
}

/**
 * Runs a part of a transaction that may fail: what it did is undone, its locks are let go, and the transaction goes on.
 * The fault is thrown all the same.
 */
export async function attempt<T>(tx: Tx, run: (tx: Tx) => Promise<T>): Promise<T> {
  const client = clients.get(tx)
  assert(client, 'an attempt is part of a transaction')
  await client.query('SAVEPOINT attempt')
  try {
    return await run(tx)
  } catch (error) {
    // Where the connection is gone, this fails as well, and the first fault tells more.
    await client.query('ROLLBACK TO SAVEPOINT attempt').catch(() => undefined)
    throw error
  } finally {
    await client.query('RELEASE SAVEPOINT attempt').catch(() => undefined)
  }
}

async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT').catch((error: unknown) => {
    // An answer with an SQLSTATE is PostgreSQL's own: it did not commit. Anything else is silence.
    if (sqlState(error) !== undefined && !isConnectionLoss(error)) throw error
    throw new CommitUnknown('the connection broke at COMMIT', { cause: error })
  })
  // PostgreSQL answers COMMIT with ROLLBACK, and no error, when a statement had failed and somebody went on.
  assert.equal(command, 'COMMIT', 'a transaction in which a statement failed has to throw')
}

async function runStatement<R extends Row>(
  target: Pool | PoolClient,
  statement: Statement,
  params: readonly unknown[] = [],
): Promise<R[]> {
  const values = params.map(param => (Array.isArray(param) ? (formatArray(param) ?? param) : param))
  const result = await target.query<R>({ name: statement.name, text: statement.text, values })
  return result.rows
}

/** Loads `sql/<name>.sql` beside the calling module; keys are the names. */
export function loadStatements<const N extends string>(
  moduleUrl: string,
  names: readonly N[],
): Record<N, Statement> {
  const entries = names.map(name => {
    const text = readFileSync(new URL(`./sql/${name}.sql`, moduleUrl), 'utf8')
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 8)
    return [name, { name: `${name.slice(0, 50)}-${digest}`, text, isSelect: isSelect(text) }] as const
  })
  return Object.fromEntries(entries) as Record<N, Statement>
}

function isSelect(text: string): boolean {
  const code = text.replace(/--.*$/gm, '')
  return (
    /^\s*select\b/i.test(code) ||
    (/^\s*with\b/i.test(code) && !/\b(insert|update|delete|merge)\b/i.test(code))
  )
}

/** PostgreSQL's five-character error code, if the error is PostgreSQL's. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  // EPIPE has five capitals, too: every class of SQLSTATE but these begins with a digit.
  const isState = typeof code === 'string' && /^(\d|F0|HV|P0|XX)[0-9A-Z]+$/.test(code) && code.length === 5
  return isState ? code : undefined
}

/** The constraint that refused a row. */
export function violatedConstraint(error: unknown): string | undefined {
  const constraint = (error as { constraint?: unknown } | null)?.constraint
  return typeof constraint === 'string' ? constraint : undefined
}

/** The row itself is wrong (data exception or integrity violation): trying again cannot help. */
export const isRowError = (error: unknown): boolean => /^2[23]/.test(sqlState(error) ?? '')

/**
 * A text that PostgreSQL cannot keep: `text` holds anything but U+0000, and `jsonb` no half of a surrogate pair either,
 * which is the one way in which JSON that we write is none.
 */
export const isUnstorableText = (error: unknown): boolean => {
  const state = sqlState(error) ?? ''
  const isHalf = state === '22P02' && /input syntax for type json/.test((error as Error).message)
  return isHalf || ['22021', '22P05'].includes(state)
}

const isConnectionLoss = (error: unknown): boolean => /^(08|57P)/.test(sqlState(error) ?? '')

/** PostgreSQL is unreachable, starting, stopping or out of connections: nothing about the request is wrong. */
export function isDatabaseDown(error: unknown): boolean {
  if (error instanceof CommitUnknown || isConnectionLoss(error)) return true
  // Resources, a lock held too long, cancelled, deadlock, a standby after a failover, the disk, who may log in.
  if (sqlState(error) !== undefined)
    return /^(53|55P03|57014|40|25006|25P03|28|58)/.test(sqlState(error) ?? '')
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string }
  return (
    /^(E(CONN|PIPE|TIMEDOUT|HOST|NET)|ENOTFOUND|EAI_AGAIN)/.test(code ?? '') ||
    /Connection terminated|not queryable|timeout exceeded when trying/.test(message)
  )
}

/** Sent behind the answer to BEGIN: without a transaction the locks would be gone before anybody works under them. */
const tryLocks = { ...loadStatements(import.meta.url, ['try-locks'])['try-locks'], isSelect: false }
