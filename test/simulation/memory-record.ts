/** The ports to the record over PostgreSQL in memory: what the `postgres.ts` of claims, envelopes and ledger are. */
import { CommitUnknown, isDatabaseDown, sqlState } from '#platform/postgres.ts'
import type { OutboxEntry } from '../../src/claims/gate.ts'
import type { Claim, ClaimableEnvelope, ClaimRecord, LockedEnvelope } from '../../src/claims/record.ts'
import type { Ledger } from '../../src/ledger/transfer.ts'
import type { Transact } from '#platform/postgres.ts'
import type { EnvelopeRecord } from '../../src/envelopes/ports.ts'
import { isEnded } from '../../src/envelopes/state.ts'
import { coarsen, type Cell } from '../../src/geo/cell.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import type { Transfer } from '../../src/ledger/transfer.ts'
import type { EnvelopeRow, MemoryPostgres, MemoryTx } from './memory-postgres.ts'

export type PostgresLine = {
  postgres: MemoryPostgres
  /** Whose connections these are: they break together. */
  owner: string
  /** One statement and its answer, over whatever lies between the two; `tx` is the transaction that it is part of. */
  ask<V>(statement: () => V | Promise<V>, tx?: MemoryTx): Promise<V>
  /** COMMIT is the one statement whose loss leaves a doubt. */
  commit(tx: MemoryTx): Promise<void>
  /** Closes the connection of a transaction, which ends it sooner or later. */
  drop(tx: MemoryTx): void
  /** Calls off what the server would do to a transaction in which nothing happens; the timer of an advisory lock. */
  watchIdle(tx: MemoryTx): () => void
}

export type MemoryRecord = {
  claims: ClaimRecord<MemoryTx>
  envelopes: Pick<
    EnvelopeRecord,
    | 'lockEnvelope'
    | 'moveEnvelope'
    | 'endEnvelopes'
    | 'listDueToExpire'
    | 'lockDueToExpire'
    | 'lockDueToOpen'
    | 'openEnvelopes'
    | 'listGuests'
  >
  ledger: Pick<Ledger, 'post'>
  transact: Transact
}

export function createMemoryRecord(line: PostgresLine): MemoryRecord {
  const transact = <V>(run: (tx: MemoryTx) => Promise<V>) => transactOn(line, run)
  return {
    claims: {
      transact,
      withLocks: (scope, ids, run) => withLocks(line, { scope, ids }, run),
      ...createReading(line),
      ...createSettling(line),
      ...createRebuilding(line),
      ...createSweeping(line),
    },
    envelopes: createEnvelopeRecord(line),
    ledger: {
      post: (tx, transfers) => {
        const { postgres } = line
        return within(line, tx as MemoryTx, () => postgres.post(tx as MemoryTx, transfers))
      },
    },
    transact,
  }
}

/** A connection runs its statements in the order in which they were sent. */
function within<V>(line: PostgresLine, tx: MemoryTx, statement: () => V | Promise<V>): Promise<V> {
  const ask = () => line.ask(() => line.postgres.within(tx, statement), tx)
  const answer = tx.turn.then(ask, ask)
  tx.turn = answer.catch(() => undefined)
  return answer
}

async function transactOn<V>(line: PostgresLine, run: (tx: MemoryTx) => Promise<V>): Promise<V> {
  const tx = line.postgres.begin(line.owner)
  try {
    const value = await run(tx)
    await line.commit(tx)
    return value
  } catch (error) {
    // After such a doubt the connection is thrown away.
    if (error instanceof CommitUnknown) line.drop(tx)
    else await line.ask(() => line.postgres.abort(tx), tx).catch(() => line.drop(tx))
    throw error
  }
}

/** COMMIT without an answer of PostgreSQL's own is silence. */
export function toCommitFault(error: unknown): unknown {
  const state = sqlState(error)
  const isAnswer = state === undefined ? !isDatabaseDown(error) : !/^(08|57P)/.test(state)
  if (isAnswer) return error
  return new CommitUnknown('the connection broke at COMMIT', { cause: error })
}

type Locks = { scope: string; ids: readonly string[] }

function withLocks<V>(
  line: PostgresLine,
  { scope, ids }: Locks,
  run: (held: readonly string[]) => Promise<V>,
) {
  const { postgres } = line
  return transactOn(line, async tx => {
    const held = await within(line, tx, () => ids.filter(id => postgres.tryLock(tx, `${scope}:${id}`)))
    if (held.length === 0) return run(held)
    const stopWatching = line.watchIdle(tx)
    try {
      return await run(held)
    } finally {
      stopWatching()
    }
  })
}

const cells = new Map<Cell, Cell>()
/** Cells of resolution 7 repeat, and H3 is slow. */
function cell7Of(cell: Cell): Cell {
  const known = cells.get(cell)
  if (known !== undefined) return known
  const parent = coarsen(cell, 7)
  cells.set(cell, parent)
  return parent
}

const toClaimable = (row: EnvelopeRow): ClaimableEnvelope => ({
  id: row.id,
  state: row.state,
  epoch: Number(row.epoch),
  opensAtMs: row.opensAtMs,
  expiresAtMs: row.expiresAtMs,
  cell12: row.cell,
  cell7: cell7Of(row.cell),
  claimRadiusM: row.claimRadiusM,
  currency: row.currency,
  campaignId: row.campaignId ?? undefined,
  hiderKind: row.hider.kind,
  hiderId: row.hider.id,
  audience: row.audience,
  guestIds: row.audience === 'players' ? row.guestIds : [],
  passphraseMac: row.passphraseMac,
})

const toLocked = (row: EnvelopeRow): LockedEnvelope => ({
  id: row.id,
  state: row.state,
  epoch: Number(row.epoch),
  opensAtMs: row.opensAtMs,
  expiresAtMs: row.expiresAtMs,
  currency: row.currency,
  shareCount: row.shareCount,
  claimedShares: row.claimedShares,
  hiderKind: row.hider.kind,
  hiderId: row.hider.id,
  cell7: cell7Of(row.cell),
  cappedBudgets: [],
})

type Part<K extends keyof ClaimRecord<MemoryTx>> = Pick<ClaimRecord<MemoryTx>, K>

function createReading(line: PostgresLine): Part<'findEnvelopes' | 'findClaims' | 'listWinners'> {
  const { postgres, ask } = line
  return {
    findEnvelopes: ids =>
      ask(() =>
        [...new Set(ids)].flatMap(id => {
          const row = postgres.see(undefined, id)
          return row === undefined ? [] : [toClaimable(row)]
        }),
      ),
    findClaims: pairs =>
      ask(() => pairs.flatMap(p => postgres.claimOf(undefined, p.envelopeId, p.playerId) ?? [])),
    listWinners: id => ask(() => postgres.claimsOf(undefined, id)),
  }
}

function createSettling(
  line: PostgresLine,
): Part<'lockEnvelopes' | 'findRivals' | 'findShares' | 'insertClaims' | 'pay' | 'count'> {
  const { postgres } = line
  return {
    lockEnvelopes: (tx, ids) =>
      within(line, tx, async () => {
        const inOrder = [...new Set(ids)].sort()
        for (const id of inOrder) await postgres.lockEnvelope(tx, id)
        return inOrder.flatMap(id => {
          const row = postgres.see(tx, id)
          return row === undefined ? [] : [toLocked(row)]
        })
      }),
    findRivals: (tx, reservations) =>
      within(line, tx, () => {
        const rivals = reservations.flatMap(({ envelopeId, playerId, shareNo }) => [
          postgres.claimOf(tx, envelopeId, playerId) ?? [],
          postgres.claimOfShare(tx, envelopeId, shareNo) ?? [],
        ])
        return { claims: [...new Set(rivals.flat())], stopped: new Set<string>() }
      }),
    findShares: (tx, shares) =>
      within(line, tx, () =>
        shares.map(({ envelopeId, shareNo }) => ({
          amountMinor: postgres.tables.shares.get(envelopeId)?.[shareNo - 1] ?? 0n,
        })),
      ),
    insertClaims: (tx, due) =>
      within(line, tx, async () => {
        for (const claim of due) await postgres.insertClaim(tx, claim)
      }),
    pay: (tx, claims) => within(line, tx, () => postgres.post(tx, claims.map(toPayment))),
    count: (tx, claims, nowMs) =>
      within(line, tx, async () => {
        for (const id of new Set(claims.map(({ envelopeId }) => envelopeId))) {
          const won = claims.filter(({ envelopeId }) => envelopeId === id)
          const amount = won.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)
          await postgres.updateEnvelope(tx, id, row => countIn(row, { shares: won.length, amount, nowMs }))
        }
      }),
  }
}

function countIn(
  row: EnvelopeRow,
  { shares, amount, nowMs }: { shares: number; amount: bigint; nowMs: number },
): EnvelopeRow {
  const counted = {
    ...row,
    claimedShares: row.claimedShares + shares,
    claimedMinor: row.claimedMinor + amount,
  }
  if (counted.claimedShares !== row.shareCount) return counted
  return { ...counted, state: 'empty', epoch: row.epoch + 1n, endedAtMs: nowMs }
}

const toPayment = (claim: Claim): Transfer => ({
  id: claim.id,
  kind: 'claim',
  debit: escrowOf(claim.envelopeId, claim.currency),
  credit: walletOf(claim.playerId, claim.currency),
  amountMinor: claim.amountMinor,
  currency: claim.currency,
  envelopeId: claim.envelopeId,
  createdAtMs: claim.claimedAtMs,
})

function createRebuilding(
  line: PostgresLine,
): Part<'startEpochs' | 'raiseEpochs' | 'listFreeShares' | 'listWinningShares' | 'freeze'> {
  const { postgres } = line
  return {
    startEpochs: (tx, above) =>
      within(line, tx, async () => {
        const started = new Map<string, number>()
        for (const [id, aboveEpoch] of above) {
          const atLeast = BigInt(aboveEpoch)
          const raised = await postgres.updateEnvelope(tx, id, row =>
            isEnded(row.state) || row.state === 'draft'
              ? undefined
              : { ...row, epoch: (row.epoch > atLeast ? row.epoch : atLeast) + 1n },
          )
          if (raised === undefined) throw new Error('an envelope that has ended starts no epoch')
          started.set(id, Number(raised.epoch))
        }
        return started
      }),
    raiseEpochs: (tx, envelopeIds) =>
      within(line, tx, async () => {
        for (const id of envelopeIds)
          await postgres.updateEnvelope(tx, id, row =>
            row.state === 'live' || row.state === 'frozen' ? { ...row, epoch: row.epoch + 1n } : undefined,
          )
      }),
    listFreeShares: (tx, envelopeIds) =>
      within(line, tx, () => {
        const freeOf = (id: string) =>
          (postgres.tables.shares.get(id) ?? []).flatMap((_, i) =>
            postgres.claimOfShare(tx, id, i + 1) === undefined ? [i + 1] : [],
          )
        return new Map(envelopeIds.map(id => [id, freeOf(id)] as const).filter(([, free]) => free.length > 0))
      }),
    listWinningShares: (tx, envelopeIds) =>
      within(line, tx, () => envelopeIds.flatMap(id => postgres.claimsOf(tx, id))),
    freeze: envelopeId =>
      line.ask(() =>
        postgres.alone(line.owner, async tx => {
          await postgres.updateEnvelope(tx, envelopeId, row =>
            row.state === 'live' ? { ...row, state: 'frozen', epoch: row.epoch + 1n } : undefined,
          )
        }),
      ),
  }
}

type SweepingName =
  | 'readCursor'
  | 'readProgress'
  | 'storeCursor'
  | 'listDeadLetters'
  | 'noteDeadLetter'
  | 'forgetDeadLetters'
  | 'listGated'

function createSweeping({ postgres, ask }: PostgresLine): Part<SweepingName> {
  const { cursors, deadLetters } = postgres.tables
  const letterKey = (partition: number, identity: string, id: string) => `${partition} ${identity} ${id}`
  const waiting = (identity: string) =>
    [...deadLetters.values()].filter(letter => letter.identity === identity && !letter.buried)
  return {
    readCursor: (partition, identity) => ask(() => cursors.get(`${identity} ${partition}`)),
    readProgress: identity =>
      ask(() => {
        const ours = [...cursors].filter(([key]) => key.startsWith(`${identity} `))
        return {
          cursors: new Map(ours.map(([key, id]) => [Number(key.slice(identity.length + 1)), id])),
          retries: [...new Set(waiting(identity).map(({ partition }) => partition))],
        }
      }),
    storeCursor: (partition, identity, entryId) =>
      ask(() => void cursors.set(`${identity} ${partition}`, entryId)),
    listDeadLetters: (partition, identity) =>
      ask(() =>
        waiting(identity)
          .filter(letter => letter.partition === partition)
          .sort((a, b) => (a.entryId < b.entryId ? -1 : 1))
          .slice(0, 100)
          .map(({ entry, attempts }) => ({ ...(entry as OutboxEntry), attempts })),
      ),
    noteDeadLetter: ({ entry, redisIdentity: identity, fault, attempts, buried }) =>
      ask(() => {
        const { partition, entryId } = entry
        const row = { partition, identity, entryId, entry, fault, attempts, buried }
        deadLetters.set(letterKey(partition, identity, entryId), row)
      }),
    forgetDeadLetters: (partition, identity, entryIds) =>
      ask(() => {
        for (const id of entryIds) deadLetters.delete(letterKey(partition, identity, id))
      }),
    listGated: (afterId, limit, onlyId) =>
      ask(() =>
        [...postgres.tables.envelopes.values()]
          .flatMap(({ committed }) => committed ?? [])
          .filter(({ id, state, epoch }) => state === 'live' && epoch > 1n && (afterId ?? '') < id)
          .filter(({ id }) => onlyId === undefined || id === onlyId)
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit)
          .map(({ id, epoch }) => ({ id, epoch: Number(epoch), isStopped: false, openedAtMs: undefined })),
      ),
  }
}

function createEnvelopeRecord(line: PostgresLine): MemoryRecord['envelopes'] {
  const { postgres } = line
  const rows = () => [...postgres.tables.envelopes.values()].flatMap(({ committed }) => committed ?? [])
  const isOver = ({ state, expiresAtMs }: EnvelopeRow, nowMs: number) =>
    ['funded', 'live'].includes(state) && expiresAtMs <= nowMs
  /** Locks rows in order, past those that others hold. */
  const lockFree = (tx: MemoryTx, limit: number, choose: () => EnvelopeRow[]) =>
    within(line, tx, () => {
      const due = choose()
        .filter(({ id }) => !postgres.isLockedByAnother(tx, id))
        .slice(0, limit)
      for (const { id } of due) void postgres.lockEnvelope(tx, id)
      return due
    })
  const updateAll = (tx: MemoryTx, ids: readonly string[], change: (row: EnvelopeRow) => EnvelopeRow) =>
    within(line, tx, async () => {
      for (const id of ids) await postgres.updateEnvelope(tx, id, change)
    })
  return {
    lockEnvelope: (tx, id) =>
      within(line, tx as MemoryTx, async () => {
        await postgres.lockEnvelope(tx as MemoryTx, id)
        return postgres.see(tx as MemoryTx, id)
      }),
    listDueToExpire: (tx, { nowMs, limit }) =>
      within(line, tx as MemoryTx, () =>
        rows()
          .filter(row => isOver(row, nowMs))
          .sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1))
          .slice(0, limit)
          .map(({ id }) => id),
      ),
    lockDueToExpire: (tx, { nowMs, ids }) =>
      lockFree(tx as MemoryTx, ids.length, () =>
        rows()
          .filter(row => ids.includes(row.id) && isOver(row, nowMs))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      ),
    lockDueToOpen: (tx, { nowMs, limit }) =>
      lockFree(tx as MemoryTx, limit, () =>
        rows()
          .filter(row => row.state === 'funded' && row.dropId === null)
          .filter(row => row.opensAtMs <= nowMs && row.expiresAtMs > nowMs)
          .sort((a, b) => a.opensAtMs - b.opensAtMs || (a.id < b.id ? -1 : 1)),
      ),
    moveEnvelope: (tx, id, state) =>
      updateAll(tx as MemoryTx, [id], row => ({ ...row, state, epoch: row.epoch + 1n })),
    openEnvelopes: (tx, ids) =>
      updateAll(tx as MemoryTx, ids, row => ({ ...row, state: 'live', epoch: row.epoch + 1n })),
    endEnvelopes: (tx, { ids, state, endedAtMs }) =>
      updateAll(tx as MemoryTx, ids, row => ({ ...row, state, epoch: row.epoch + 1n, endedAtMs })),
    listGuests: tx => within(line, tx as MemoryTx, () => new Map<string, readonly string[]>()),
  }
}
