/**
 * Settlement: a batch of reservations becomes claims and transfers in one transaction, or is told why not. The lock,
 * the reading and the writing are separate statements: under READ COMMITTED only a statement that starts after the lock
 * was granted sees what the lock waited for. A row that PostgreSQL refuses is found by halving; the others settle.
 */
import type { Reach } from './failpoints.ts'
import type { Claim, ClaimRecord, LockedEnvelope, UnsettledClaim } from './record.ts'
import { claimIdOf, type Reservation } from './reservation.ts'
import { judge, type Verdict } from './settlement.ts'

export type Settled =
  | Exclude<Verdict, { status: 'due' }>
  | { status: 'settled'; claim: Claim }
  /** The row itself cannot be recorded; trying again cannot help. */
  | { status: 'failed'; fault: Error }

/** Whether the gate may note the reservation as settled: the record has this claim, with this very share. */
export const isMarked = (reservation: Reservation, outcome: Settled): boolean =>
  (outcome.status === 'settled' || outcome.status === 'duplicate') &&
  outcome.claim.shareNo === reservation.shareNo

/** What a commit changed, for those who tell the players. */
export type SettledBatch = { claims: readonly Claim[]; envelopes: readonly LockedEnvelope[] }

export type SettlePorts<T> = {
  record: ClaimRecord<T>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  /** Who of them is banned, held so until the transaction ends; absent where nobody ever is. */
  findBanned?: ((tx: T, playerIds: readonly string[]) => Promise<ReadonlySet<string>>) | undefined
  nowMs: () => number
  reach: Reach
  /** After each commit that recorded claims. */
  onSettled: (batch: SettledBatch) => void
}

export type Settle = (reservations: readonly Reservation[]) => Promise<Settled[]>

/** Answers in the order of the reservations; throws when PostgreSQL is down or the outcome of COMMIT is unknown. */
export function createSettle<T>(ports: SettlePorts<T>): Settle {
  async function settle(reservations: readonly Reservation[]): Promise<Settled[]> {
    try {
      return await settleTogether(ports, reservations)
    } catch (error) {
      if (!ports.isRowError(error)) throw error
      if (reservations.length === 1) return [{ status: 'failed', fault: error as Error }]
      const middle = Math.ceil(reservations.length / 2)
      const first = await settle(reservations.slice(0, middle))
      return [...first, ...(await settle(reservations.slice(middle)))]
    }
  }
  return settle
}

async function settleTogether<T>(
  ports: SettlePorts<T>,
  reservations: readonly Reservation[],
): Promise<Settled[]> {
  const { record, reach } = ports
  reach('before-settle')
  const nowMs = ports.nowMs()
  const { verdicts, claims, envelopes } = await record.transact(async tx => {
    const ids = [...new Set(reservations.map(r => r.envelopeId))]
    const locked = await record.lockEnvelopes(tx, ids)
    const playerIds = [...new Set(reservations.map(r => r.playerId))]
    const banned = (await ports.findBanned?.(tx, playerIds)) ?? new Set()
    const existing = await record.findRivals(tx, reservations)
    const judged = judgeAll(reservations, locked, { existing, banned }, nowMs)
    const recorded = judged.due.length === 0 ? [] : await record.insertClaims(tx, judged.due)
    if (recorded.length > 0) {
      await record.pay(tx, recorded)
      await record.count(tx, recorded, nowMs)
    }
    reach('before-commit')
    return { verdicts: judged.verdicts, claims: recorded, envelopes: locked }
  })
  if (claims.length > 0) ports.onSettled({ claims, envelopes })
  return conclude(reservations, verdicts, claims)
}

/** Verdicts in order; a batch may hold one player or one share twice, and the later of them loses to the earlier. */
function judgeAll(
  reservations: readonly Reservation[],
  locked: readonly LockedEnvelope[],
  { existing, banned }: { existing: readonly Claim[]; banned: ReadonlySet<string> },
  nowMs: number,
): { verdicts: Verdict[]; due: UnsettledClaim[] } {
  const envelopes = new Map(locked.map(e => [e.id, e]))
  const byPlayer = new Map(existing.map(c => [`${c.envelopeId}:${c.playerId}`, c]))
  const byShare = new Map<string, unknown>(existing.map(c => [`${c.envelopeId}:${c.shareNo}`, c]))
  const due = new Map<string, UnsettledClaim>()
  const verdicts = reservations.map(reservation => {
    const { envelopeId, playerId, shareNo } = reservation
    const id = claimIdOf(envelopeId, playerId)
    if (due.has(id)) return { status: 'due' as const }
    const verdict = judge(reservation, envelopes.get(envelopeId), { byPlayer, byShare, banned })
    if (verdict.status === 'due') {
      due.set(id, { id, envelopeId, playerId, shareNo, claimedAtMs: nowMs })
      byShare.set(`${envelopeId}:${shareNo}`, reservation)
    }
    return verdict
  })
  return { verdicts, due: [...due.values()] }
}

function conclude(
  reservations: readonly Reservation[],
  verdicts: readonly Verdict[],
  claims: readonly Claim[],
) {
  const recorded = new Map(claims.map(c => [c.id, c]))
  return reservations.map((reservation, i): Settled => {
    const verdict = verdicts[i] as Verdict
    if (verdict.status !== 'due') return verdict
    const claim = recorded.get(claimIdOf(reservation.envelopeId, reservation.playerId))
    if (claim === undefined) throw new Error('a claim that was due was not recorded')
    return { status: 'settled', claim }
  })
}
