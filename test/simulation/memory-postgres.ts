/**
 * PostgreSQL as the game's money uses it, in memory: READ COMMITTED, where a statement sees what is committed when it
 * runs and what its own transaction wrote; row locks in order of arrival, held to the end; unique constraints that wait
 * for an insert under way and then refuse; advisory locks that go with their transaction. What one statement does here
 * is one statement there, and `ports.test.ts` asks both the same questions.
 */
import type { Tx } from '#platform/postgres.ts'
import type { Cancel } from '#platform/clock.ts'
import type { UnsettledClaim, Claim } from '../../src/claims/record.ts'
import type { Envelope } from '../../src/envelopes/envelope.ts'
import { canMove, isEnded } from '../../src/envelopes/state.ts'
import type { AccountRef } from '../../src/ledger/account.ts'
import type { Transfer } from '../../src/ledger/transfer.ts'

/** An error as `pg` throws it. */
export const sqlError = (code: string, message: string, constraint?: string): Error =>
  Object.assign(new Error(message), { code, ...(constraint !== undefined && { constraint }) })

/** A row under its lock: what is committed, and what the holder of the lock wrote. */
export type Locked<V> = {
  committed: V | undefined
  pending: V | undefined
  holder: MemoryTx | undefined
  waiting: Waiter[]
}

type Waiter = { tx: MemoryTx; grant: () => void; refuse: (error: Error) => void; cancel: Cancel }

/** A row of a table that is only added to; `tx` is the transaction that has not committed it yet. */
type Added<V> = { value: V; tx: MemoryTx | undefined }

export type MemoryTx = Tx & {
  status: 'open' | 'failed' | 'committed' | 'aborted'
  /** Who holds the other end of the connection. */
  owner: string
  rows: Locked<EnvelopeRow | Balance>[]
  claims: Added<Claim>[]
  transfers: Added<Transfer>[]
  advisory: string[]
  waitsFor: { row: Locked<EnvelopeRow | Balance>; waiter: Waiter } | undefined
  /** Ends with the statement that was sent last: they run one after the other. */
  turn: Promise<unknown>
  /** Whoever waits for a unique key that this transaction has taken. */
  ended: (() => void)[]
  usedAtMs: number
}

export type EnvelopeRow = Envelope & { guestIds: readonly string[]; passphraseMac: Buffer | null }
export type Balance = { account: AccountRef; credits: bigint; debits: bigint }

/** What one commit changed, before and after. */
export type Commit = {
  claims: readonly Claim[]
  transfers: readonly Transfer[]
  envelopes: readonly { before: EnvelopeRow | undefined; after: EnvelopeRow }[]
  balances: readonly { before: Balance | undefined; after: Balance }[]
}

export type PostgresOptions = {
  nowMs: () => number
  after: (ms: number, task: () => void) => Cancel
  onCommit?: (commit: Commit) => void
  /** A claim met a bad row. */
  onRefused?: () => void
}

export const lockTimeoutMs = 4_000
export const idleTimeoutMs = 10_000

export type MemoryPostgres = ReturnType<typeof createMemoryPostgres>

export function createMemoryPostgres(options: PostgresOptions) {
  const tables = createTables()
  return { tables, ...createTransactions(options, tables), ...createRows(options, tables) }
}

type Tables = ReturnType<typeof createTables>

const createTables = () => ({
  envelopes: new Map<string, Locked<EnvelopeRow>>(),
  /** Amounts by share number, from 1. */
  shares: new Map<string, readonly bigint[]>(),
  players: new Set<string>(),
  claims: new Map<string, Added<Claim>[]>(),
  claimByPlayer: new Map<string, Added<Claim>>(),
  claimByShare: new Map<string, Added<Claim>>(),
  accounts: new Map<string, Locked<Balance>>(),
  transfers: new Map<string, Added<Transfer>>(),
  advisory: new Map<string, MemoryTx>(),
  cursors: new Map<string, string>(),
  deadLetters: new Map<string, DeadLetterRow>(),
  /** Players whose claims no constraint lets in: the bad row of a batch. */
  refused: new Set<string>(),
  /** Those that were refused at some time. */
  everRefused: new Set<string>(),
})

function createTransactions(options: PostgresOptions, tables: Tables) {
  const open = new Set<MemoryTx>()
  const end = { tables, open, onCommit: options.onCommit }
  const begin = (owner: string): MemoryTx => {
    const tx: MemoryTx = {
      status: 'open',
      owner,
      ...{ rows: [], claims: [], transfers: [], advisory: [], ended: [] },
      waitsFor: undefined,
      turn: Promise.resolve(),
      usedAtMs: options.nowMs(),
      query: () => Promise.reject(new Error('memory has no SQL')),
    }
    open.add(tx)
    return tx
  }
  return {
    begin,
    commit: (tx: MemoryTx) => commit(end, tx),
    abort: (tx: MemoryTx) => abort(end, tx),
    abortWhere: (isLost: (tx: MemoryTx) => boolean) => {
      for (const tx of [...open]) if (isLost(tx)) abort(end, tx)
    },
    /** Runs one statement in a transaction; one that fails leaves it good for nothing but ROLLBACK. */
    async within<V>(tx: MemoryTx, statement: () => V | Promise<V>): Promise<V> {
      refuseUnusable(tx)
      try {
        return await statement()
      } catch (error) {
        if (tx.status === 'open') tx.status = 'failed'
        throw error
      } finally {
        tx.usedAtMs = options.nowMs()
      }
    },
    /** A statement that is a transaction of its own. */
    async alone<V>(owner: string, statement: (tx: MemoryTx) => V | Promise<V>): Promise<V> {
      const tx = begin(owner)
      try {
        const value = await statement(tx)
        commit(end, tx)
        return value
      } finally {
        abort(end, tx)
      }
    },
    tryLock(tx: MemoryTx, key: string): boolean {
      if (tables.advisory.has(key)) return false
      tables.advisory.set(key, tx)
      tx.advisory.push(key)
      return true
    },
  }
}

/** What statements do inside a transaction. */
function createRows(options: PostgresOptions, tables: Tables) {
  return {
    lockEnvelope: (tx: MemoryTx, id: string) => lock(options, tx, tables.envelopes.get(id)),
    isLockedByAnother: (tx: MemoryTx, id: string) => {
      const holder = tables.envelopes.get(id)?.holder
      return holder !== undefined && holder !== tx
    },
    see: (tx: MemoryTx | undefined, id: string) => see(tx, tables.envelopes.get(id)),
    updateEnvelope: async (
      tx: MemoryTx,
      id: string,
      change: (row: EnvelopeRow) => EnvelopeRow | undefined,
    ) => {
      const row = tables.envelopes.get(id)
      await lock(options, tx, row)
      // What the statement sees once it has the lock, which may be newer than when it began to wait.
      const old = see(tx, row)
      const next = old && change(old)
      if (row === undefined || old === undefined || next === undefined) return undefined
      guardEnvelope(old, next)
      row.pending = next
      return next
    },
    claimsOf: (tx: MemoryTx | undefined, envelopeId: string): Claim[] =>
      (tables.claims.get(envelopeId) ?? []).filter(added => isSeen(added, tx)).map(({ value }) => value),
    claimOf: (tx: MemoryTx | undefined, envelopeId: string, playerId: string) =>
      seen(tables.claimByPlayer.get(`${envelopeId}:${playerId}`), tx),
    claimOfShare: (tx: MemoryTx | undefined, envelopeId: string, shareNo: number) =>
      seen(tables.claimByShare.get(`${envelopeId}:${shareNo}`), tx),
    insertClaim: (tx: MemoryTx, due: UnsettledClaim) => insertClaim({ ...options, tables }, tx, due),
    post: (tx: MemoryTx, transfers: readonly Transfer[]) => post({ ...options, tables }, tx, transfers),
    /** A state that the run begins with. */
    plant(row: EnvelopeRow, amounts: readonly bigint[], balances: readonly Balance[]) {
      tables.envelopes.set(row.id, createLocked<EnvelopeRow>(row))
      tables.shares.set(row.id, amounts)
      for (const balance of balances) tables.accounts.set(accountKey(balance.account), createLocked(balance))
    },
  }
}

export type DeadLetterRow = {
  partition: number
  identity: string
  entryId: string
  entry: object
  fault: string
  attempts: number
  buried: boolean
}

type Ending = { tables: Tables; open: Set<MemoryTx>; onCommit: PostgresOptions['onCommit'] }
type Writing = PostgresOptions & { tables: Tables }

const createLocked = <V>(committed: V | undefined): Locked<V> => ({
  committed,
  pending: undefined,
  holder: undefined,
  waiting: [],
})

export const accountKey = (account: AccountRef): string =>
  account.kind === 'external'
    ? `external:${account.currency}`
    : `${account.kind}:${account.ownerId}:${account.currency}`

const isSeen = (added: Added<unknown>, tx: MemoryTx | undefined): boolean =>
  added.tx === undefined || added.tx === tx

const seen = <V>(added: Added<V> | undefined, tx: MemoryTx | undefined): V | undefined =>
  added !== undefined && isSeen(added, tx) ? added.value : undefined

const see = <V>(tx: MemoryTx | undefined, row: Locked<V> | undefined): V | undefined =>
  tx !== undefined && row?.holder === tx && row.pending !== undefined ? row.pending : row?.committed

function refuseUnusable(tx: MemoryTx): void {
  if (tx.status === 'failed') throw sqlError('25P02', 'current transaction is aborted')
  if (tx.status !== 'open') throw new Error('Connection terminated unexpectedly')
}

/** Grants in order of arrival; whoever waits too long is told so. */
function lock<V extends EnvelopeRow | Balance>(
  { after }: Pick<PostgresOptions, 'after'>,
  tx: MemoryTx,
  wanted: Locked<V> | undefined,
): Promise<void> | undefined {
  // A statement that was granted one lock may have been ended before it asks for the next.
  refuseUnusable(tx)
  if (wanted === undefined || wanted.holder === tx) return undefined
  const row = wanted as Locked<EnvelopeRow | Balance>
  if (row.holder === undefined) {
    row.holder = tx
    tx.rows.push(row)
    return undefined
  }
  const granted = new Promise<void>((grant, refuse) => {
    const cancel = after(lockTimeoutMs, () => {
      row.waiting.splice(row.waiting.indexOf(waiter), 1)
      tx.waitsFor = undefined
      refuse(sqlError('55P03', 'canceling statement due to lock timeout'))
    })
    const waiter: Waiter = { tx, grant, refuse, cancel }
    row.waiting.push(waiter)
    tx.waitsFor = { row, waiter }
  })
  // One connection's end may grant the lock to another that ends in the same moment.
  return granted.then(() => refuseUnusable(tx))
}

function unlock(row: Locked<EnvelopeRow | Balance>): void {
  row.holder = undefined
  row.pending = undefined
  const next = row.waiting.shift()
  if (next === undefined) return
  next.cancel()
  next.tx.waitsFor = undefined
  row.holder = next.tx
  next.tx.rows.push(row)
  next.grant()
}

function commit({ tables, open, onCommit }: Ending, tx: MemoryTx): void {
  if (tx.status === 'failed') {
    abort({ tables, open, onCommit }, tx)
    throw new Error('a transaction in which a statement failed has to throw')
  }
  refuseUnusable(tx)
  const written = tx.rows.filter(({ pending }) => pending !== undefined)
  const changes = written.map(row => ({ before: row.committed, after: row.pending as EnvelopeRow | Balance }))
  for (const row of written) row.committed = row.pending
  for (const added of [...tx.claims, ...tx.transfers]) added.tx = undefined
  tx.status = 'committed'
  if (onCommit !== undefined && changes.length + tx.claims.length + tx.transfers.length > 0) {
    const isEnvelope = ({ after }: (typeof changes)[number]) => 'state' in after
    onCommit({
      claims: tx.claims.map(({ value }) => value),
      transfers: tx.transfers.map(({ value }) => value),
      envelopes: changes.filter(isEnvelope) as unknown as Commit['envelopes'],
      balances: changes.filter(change => !isEnvelope(change)) as unknown as Commit['balances'],
    })
  }
  finish(tables, open, tx)
}

/** Rolls back what is still open, whoever asks: the client, or a connection that is gone. */
function abort({ tables, open }: Ending, tx: MemoryTx): void {
  if (tx.status === 'committed' || tx.status === 'aborted') return
  tx.status = 'aborted'
  if (tx.waitsFor !== undefined) {
    const { row, waiter } = tx.waitsFor
    row.waiting.splice(row.waiting.indexOf(waiter), 1)
    waiter.cancel()
    waiter.refuse(sqlError('57P01', 'terminating connection due to administrator command'))
  }
  for (const { value } of tx.claims) {
    const { envelopeId, playerId, shareNo } = value
    tables.claimByPlayer.delete(`${envelopeId}:${playerId}`)
    tables.claimByShare.delete(`${envelopeId}:${shareNo}`)
    const claims = tables.claims.get(envelopeId) ?? []
    tables.claims.set(
      envelopeId,
      claims.filter(claim => claim.value !== value),
    )
  }
  for (const { value } of tx.transfers) tables.transfers.delete(value.id)
  finish(tables, open, tx)
}

function finish(tables: Tables, open: Set<MemoryTx>, tx: MemoryTx): void {
  open.delete(tx)
  for (const key of tx.advisory) tables.advisory.delete(key)
  for (const row of tx.rows) unlock(row)
  for (const tell of tx.ended) tell()
}

/** The trigger on envelopes. */
function guardEnvelope(old: EnvelopeRow, next: EnvelopeRow): void {
  const isGateField =
    old.state !== next.state || old.opensAtMs !== next.opensAtMs || old.expiresAtMs !== next.expiresAtMs
  const isWrong =
    (old.state !== next.state && !canMove(old.state, next.state)) ||
    next.epoch < old.epoch ||
    (isGateField && next.epoch <= old.epoch) ||
    next.claimedShares > next.shareCount ||
    next.claimedMinor > next.totalMinor ||
    (next.state === 'empty') !== (next.claimedShares === next.shareCount) ||
    isEnded(next.state) !== (next.endedAtMs !== null)
  if (isWrong) throw sqlError('23514', `envelope ${old.id}: ${old.state} -> ${next.state} is refused`)
}

/** Waits for whoever is inserting the same key, then refuses if it is there. */
async function awaitKey(
  { after }: Pick<PostgresOptions, 'after'>,
  tx: MemoryTx,
  { find, constraint }: { find: () => Added<unknown> | undefined; constraint: string },
): Promise<void> {
  for (let found = find(); found !== undefined; found = find()) {
    const { tx: other } = found
    if (other === undefined || other === tx) {
      throw sqlError('23505', 'duplicate key value violates unique constraint', constraint)
    }
    await new Promise<void>((resolve, reject) => {
      const cancel = after(lockTimeoutMs, () =>
        reject(sqlError('55P03', 'canceling statement due to lock timeout')),
      )
      other.ended.push(() => {
        cancel()
        resolve()
      })
    })
    refuseUnusable(tx)
  }
}

async function insertClaim(writing: Writing, tx: MemoryTx, due: UnsettledClaim): Promise<Claim> {
  const { tables } = writing
  const { envelopeId, playerId, shareNo } = due
  const envelope = see(tx, tables.envelopes.get(envelopeId))
  const amountMinor = tables.shares.get(envelopeId)?.[shareNo - 1]
  if (envelope === undefined || amountMinor === undefined) {
    throw sqlError('23502', 'null value in column "amount" of relation "claims"')
  }
  if (tables.refused.has(playerId)) {
    tables.everRefused.add(playerId)
    writing.onRefused?.()
  }
  if (!tables.players.has(playerId) || tables.refused.has(playerId)) {
    throw sqlError(
      '23503',
      'insert on table "claims" violates foreign key constraint',
      'claims_player_id_fkey',
    )
  }
  const [byPlayer, byShare] = [`${envelopeId}:${playerId}`, `${envelopeId}:${shareNo}`]
  const findPlayer = () => tables.claimByPlayer.get(byPlayer)
  const findShare = () => tables.claimByShare.get(byShare)
  await awaitKey(writing, tx, { find: findPlayer, constraint: 'claims_one_per_player' })
  await awaitKey(writing, tx, { find: findShare, constraint: 'claims_one_per_share' })
  const claim: Claim = { ...due, amountMinor, currency: envelope.currency }
  const added: Added<Claim> = { value: claim, tx }
  tables.claimByPlayer.set(byPlayer, added)
  tables.claimByShare.set(byShare, added)
  const claims = tables.claims.get(envelopeId)
  if (claims === undefined) tables.claims.set(envelopeId, [added])
  else claims.push(added)
  tx.claims.push(added)
  return claim
}

/** Opens accounts, adds transfers, and moves balances as the trigger does: accounts locked in one order. */
async function post(writing: Writing, tx: MemoryTx, transfers: readonly Transfer[]): Promise<void> {
  if (transfers.length === 0) return
  const { tables } = writing
  const moved = new Map<string, Balance>()
  for (const { debit, credit, amountMinor } of transfers) {
    const sides: [AccountRef, bigint, bigint][] = [
      [debit, 0n, amountMinor],
      [credit, amountMinor, 0n],
    ]
    for (const [account, credits, debits] of sides) {
      const sum = moved.get(accountKey(account)) ?? { account, credits: 0n, debits: 0n }
      moved.set(accountKey(account), { account, credits: sum.credits + credits, debits: sum.debits + debits })
    }
  }
  const inOrder = [...moved].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [key, { account }] of inOrder) await openAccount(writing, tx, { key, account })
  for (const transfer of transfers) {
    const find = () => tables.transfers.get(transfer.id)
    await awaitKey(writing, tx, { find, constraint: 'transfers_pkey' })
    const added: Added<Transfer> = { value: transfer, tx }
    tables.transfers.set(transfer.id, added)
    tx.transfers.push(added)
  }
  for (const [key] of inOrder) await lock(writing, tx, tables.accounts.get(key))
  for (const [key, { account, credits, debits }] of inOrder) {
    const row = tables.accounts.get(key) as Locked<Balance>
    const old = see(tx, row) as Balance
    const next = { account, credits: old.credits + credits, debits: old.debits + debits }
    if (account.kind !== 'external' && next.credits < next.debits) {
      throw sqlError('23514', 'an account would fall below zero', 'accounts_never_negative')
    }
    row.pending = next
  }
}

async function openAccount(
  writing: Writing,
  tx: MemoryTx,
  { key, account }: { key: string; account: AccountRef },
): Promise<void> {
  const row = writing.tables.accounts.get(key) ?? createLocked<Balance>(undefined)
  writing.tables.accounts.set(key, row)
  if (row.committed !== undefined) return
  await lock(writing, tx, row)
  if (see(tx, row) === undefined) row.pending = { account, credits: 0n, debits: 0n }
}
