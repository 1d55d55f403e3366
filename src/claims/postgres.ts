/** The record on PostgreSQL. Owns `claims`, `thanks`, `outbox_cursors`, `dead_letters`; locks and counts envelopes. */
import assert from 'node:assert/strict'
import type { Database, Tx } from '#platform/postgres.ts'
import { loadStatements } from '#platform/postgres.ts'
import type { WonCoupon } from '../coupons/stock.ts'
import { escrowOf, walletOf } from '../ledger/account.ts'
import type { Transfer } from '../ledger/transfer.ts'
import type { Keyset } from '#platform/page.ts'
import type { DeadLetterRecord } from './dead-letters.ts'
import type { RememberedClaim } from './describe.ts'
import type { OutboxEntry } from './gate.ts'
import type { Claim, ClaimRecord } from './record.ts'
import type {
  ClaimRow,
  EnvelopeRow,
  FreeRow,
  GatedRow,
  LetterRow,
  LockedRow,
  RememberedRow,
  RivalRow,
  ShareRow,
  WonRow,
} from './rows.ts'
import type { ThanksRecord } from './thank.ts'
import {
  readClaim,
  readEnvelope,
  readFree,
  readGated,
  readLetter,
  readLocked,
  readRemembered,
  readShare,
  readWon,
  sumByEnvelope,
} from './rows.ts'

const sql = loadStatements(import.meta.url, [
  'find-envelopes',
  'find-claims',
  'list-winners',
  'lock-envelopes',
  'find-rivals',
  'find-shares',
  'insert-claims',
  'count-claims',
  'start-epochs',
  'raise-epochs',
  'list-free-shares',
  'list-winning-shares',
  'freeze-envelope',
  'read-cursor',
  'read-progress',
  'store-cursor',
  'list-dead-letters',
  'note-dead-letter',
  'forget-dead-letters',
  'lock-letters',
  'answer-letters',
  'drop-letters',
  'count-letters',
  'list-letters',
  'list-gated',
  'list-live',
  'find-claim',
  'list-claims',
  'find-thanks',
  'insert-thanks',
  'list-claimed-live',
  'count-claims-since',
])

export type RecordPorts = {
  database: Database
  postTransfers: (tx: Tx, transfers: readonly Transfer[]) => Promise<void>
  /** To those who won the shares that they lie in; absent where nothing is settled. */
  giveCoupons?: ((tx: Tx, won: readonly WonCoupon[]) => Promise<void>) | undefined
}

export function createClaimRecord({ database, postTransfers, giveCoupons }: RecordPorts): ClaimRecord<Tx> {
  return {
    transact: database.transact,
    withLocks: (scope, ids, run) =>
      database.withLocks(
        ids.map(id => ({ scope, id })),
        held => run(held.map(({ id }) => id)),
      ),

    findEnvelopes: async ids =>
      (await database.query<EnvelopeRow>(sql['find-envelopes'], [ids])).map(readEnvelope),
    findClaims: async pairs => {
      const params = [pairs.map(p => p.envelopeId), pairs.map(p => p.playerId)]
      return (await database.query<ClaimRow>(sql['find-claims'], params)).map(readClaim)
    },
    listWinners: async id => (await database.query<ClaimRow>(sql['list-winners'], [id])).map(readClaim),

    lockEnvelopes: async (tx, ids) =>
      (await tx.query<LockedRow>(sql['lock-envelopes'], [ids])).map(readLocked),
    findRivals: async (tx, reservations) => {
      const pairs = [reservations.map(r => r.envelopeId), reservations.map(r => r.playerId)]
      const params = [...pairs, reservations.map(r => r.shareNo)]
      const rows = await tx.query<RivalRow>(sql['find-rivals'], params)
      return {
        claims: rows.flatMap(row => (row.id === null ? [] : [readClaim(row)])),
        stopped: new Set(rows.flatMap(row => (row.id === null ? [row.envelope_id] : []))),
      }
    },
    findShares: async (tx, shares) => {
      const params = [shares.map(s => s.envelopeId), shares.map(s => s.shareNo)]
      return (await tx.query<ShareRow>(sql['find-shares'], params)).map(readShare)
    },
    insertClaims: async (tx, due) => {
      const columns = [
        due.map(c => c.id),
        due.map(c => c.envelopeId),
        due.map(c => c.playerId),
        due.map(c => c.shareNo),
        due.map(c => new Date(c.claimedAtMs)),
      ]
      await tx.query(sql['insert-claims'], columns)
    },
    pay: (tx, claims) => handOver({ postTransfers, giveCoupons }, tx, claims),
    count: async (tx, claims, nowMs) => {
      const { ids, shares, amounts, firsts } = sumByEnvelope(claims)
      await tx.query(sql['count-claims'], [ids, shares, amounts, new Date(nowMs), firsts])
    },

    freeze: async envelopeId => void (await database.query(sql['freeze-envelope'], [envelopeId])),

    ...rebuilding,
    ...sweeping(database),
  }
}

/** Epochs, and what a gate is loaded with. */
const rebuilding: Pick<
  ClaimRecord<Tx>,
  'startEpochs' | 'raiseEpochs' | 'listFreeShares' | 'listWinningShares'
> = {
  async startEpochs(tx, above) {
    const columns = [[...above.keys()], [...above.values()]]
    const rows = await tx.query<{ id: string; epoch: bigint }>(sql['start-epochs'], columns)
    if (rows.length < above.size) throw new Error('an envelope that has ended starts no epoch')
    return new Map(rows.map(({ id, epoch }) => [id, Number(epoch)]))
  },
  raiseEpochs: async (tx, envelopeIds) => void (await tx.query(sql['raise-epochs'], [envelopeIds])),
  listFreeShares: async (tx, envelopeIds) =>
    new Map((await tx.query<FreeRow>(sql['list-free-shares'], [envelopeIds])).map(readFree)),
  listWinningShares: async (tx, envelopeIds) =>
    (await tx.query<WonRow>(sql['list-winning-shares'], [envelopeIds])).map(readWon),
}

/** The part that only the sweeper asks for. */
function sweeping(database: Database) {
  return {
    readCursor: async (partition: number, identity: string) => {
      const [row] = await database.query<{ entry_id: string }>(sql['read-cursor'], [partition, identity])
      return row?.entry_id
    },
    readProgress: async (identity: string) => {
      type ProgressRow = { partition: number; entry_id: string | null; has_retries: boolean }
      const rows = await database.query<ProgressRow>(sql['read-progress'], [identity])
      const cursors = rows.flatMap(({ partition, entry_id: id }) =>
        id === null ? [] : [[partition, id] as const],
      )
      return {
        cursors: new Map(cursors),
        retries: rows.filter(row => row.has_retries).map(row => row.partition),
      }
    },
    storeCursor: async (partition: number, identity: string, entryId: string, nowMs: number) => {
      await database.query(sql['store-cursor'], [partition, identity, entryId, new Date(nowMs)])
    },
    listDeadLetters: async (partition: number, identity: string) => {
      type LetterRow = { entry: OutboxEntry; attempts: number }
      const rows = await database.query<LetterRow>(sql['list-dead-letters'], [partition, identity])
      return rows.map(row => ({ ...row.entry, attempts: row.attempts }))
    },
    noteDeadLetter: async (letter: Parameters<ClaimRecord<Tx>['noteDeadLetter']>[0], nowMs: number) => {
      const { entry, redisIdentity, fault, attempts, buried } = letter
      const name = [entry.partition, redisIdentity, entry.entryId]
      const what = [JSON.stringify(entry), fault.slice(0, 500), attempts, buried, new Date(nowMs)]
      await database.query(sql['note-dead-letter'], [...name, ...what])
    },
    forgetDeadLetters: async (partition: number, identity: string, entryIds: readonly string[]) => {
      await database.query(sql['forget-dead-letters'], [partition, identity, entryIds])
    },
    listGated: async (afterId: string | undefined, limit: number, onlyId?: string) => {
      const params = [afterId ?? null, limit, onlyId ?? null]
      return (await database.query<GatedRow>(sql['list-gated'], params)).map(readGated)
    },
  }
}

/** The part that only the operator asks for. */
export const deadLetterRecord: DeadLetterRecord = {
  async lockLetters(tx, { ids, limit }) {
    type LetterRow = { id: string; entry: OutboxEntry }
    return tx.query<LetterRow>(sql['lock-letters'], [ids ?? null, limit])
  },
  async answerLetters(tx, answers, nowMs) {
    const columns = [answers.map(({ id }) => id), answers.map(({ fault }) => fault ?? null)]
    await tx.query(sql['answer-letters'], [...columns, new Date(nowMs)])
  },
  dropLetters: async (tx, ids) => void (await tx.query(sql['drop-letters'], [ids])),
  async countLetters(tx) {
    const [row] = await tx.query<{ letters: number }>(sql['count-letters'])
    return row?.letters ?? 0
  },
  async listLetters(tx, { limit, after }) {
    const keyset = after === undefined ? [null, null] : [new Date(after.atMs), after.id]
    return (await tx.query<LetterRow>(sql['list-letters'], [limit + 1, ...keyset])).map(readLetter)
  },
}

export const thanksRecord: ThanksRecord = {
  async findWin(tx, { claimId, playerId }) {
    type Found = {
      envelope_id: string
      hider_kind: 'player' | 'merchant'
      hider_id: string
      text: string | null
    }
    const [row] = await tx.query<Found>(sql['find-thanks'], [claimId, playerId])
    if (row === undefined) return undefined
    const hider = { kind: row.hider_kind, id: row.hider_id }
    return { envelopeId: row.envelope_id, hider, thanks: row.text ?? undefined }
  },
  async insertThanks(tx, { claimId, text, saidAtMs }) {
    return (await tx.query(sql['insert-thanks'], [claimId, text, new Date(saidAtMs)])).length > 0
  },
}

/** Nearly always all claims are of one kind: what there is none of costs no statement. */
async function handOver(
  { postTransfers, giveCoupons }: Omit<RecordPorts, 'database'>,
  tx: Tx,
  claims: readonly Claim[],
): Promise<void> {
  const cash = claims.filter(({ couponId }) => couponId === undefined)
  if (cash.length > 0) await postTransfers(tx, cash.map(payment))
  const coupons = claims.flatMap(({ couponId, ...claim }) =>
    couponId === undefined ? [] : [{ ...claim, couponId }],
  )
  if (coupons.length === 0) return
  assert(giveCoupons, 'who settles can give coupons')
  await giveCoupons(tx, coupons)
}

/** A cash claim is one transfer, and its id is the claim's. */
const payment = (claim: Claim): Transfer => ({
  id: claim.id,
  kind: 'claim',
  debit: escrowOf(claim.envelopeId, claim.currency),
  credit: walletOf(claim.playerId, claim.currency),
  amountMinor: claim.amountMinor,
  currency: claim.currency,
  envelopeId: claim.envelopeId,
  createdAtMs: claim.claimedAtMs,
})

export async function findClaim(
  tx: Tx,
  claimId: string,
  playerId: string,
): Promise<RememberedClaim | undefined> {
  const [row] = await tx.query<RememberedRow>(sql['find-claim'], [claimId, playerId])
  return row && readRemembered(row)
}

/** One more than `limit` rows when there is a next page. */
export async function listClaims(
  tx: Tx,
  playerId: string,
  { limit, after }: { limit: number; after?: Keyset },
): Promise<RememberedClaim[]> {
  const keyset = after === undefined ? [null, null] : [new Date(after.atMs), after.id]
  const rows = await tx.query<RememberedRow>(sql['list-claims'], [playerId, limit + 1, ...keyset])
  return rows.map(readRemembered)
}

/** Live envelopes that the player has won from. */
export const listClaimedLive = async (tx: Tx, playerId: string): Promise<string[]> =>
  (await tx.query<{ envelope_id: string }>(sql['list-claimed-live'], [playerId])).map(row => row.envelope_id)

/** Wins of each player since their moment, in one query. */
export async function countClaimsSince(
  tx: Tx,
  asked: readonly { playerId: string; sinceMs: number }[],
): Promise<number[]> {
  const params = [asked.map(a => a.playerId), asked.map(a => new Date(a.sinceMs))]
  return (await tx.query<{ claims: number }>(sql['count-claims-since'], params)).map(row => row.claims)
}

/** A page of live envelopes by id, for whoever looks at all of them. */
export const listLive = async (tx: Tx, afterId: string | undefined, limit: number): Promise<string[]> =>
  (await tx.query<{ id: string }>(sql['list-live'], [afterId ?? null, limit])).map(({ id }) => id)
