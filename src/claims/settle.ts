/**
 * Settlement: a batch of reservations becomes claims and transfers in one transaction, or is told why not. The lock,
 * the reading and the writing are separate statements: under READ COMMITTED only a statement that starts after the lock
 * was granted sees what the lock waited for. A row that PostgreSQL refuses is found by halving; the others settle.
 */
import { halve } from '#platform/halve.ts'
import type { PayoutGuard } from '../budgets/guard.ts'
import { keepWithinCaps } from './caps.ts'
import type { Reach } from './failpoints.ts'
import type { Claim, ClaimRecord, LockedEnvelope, Share } from './record.ts'
import { claimIdOf, type Reservation } from './reservation.ts'
import { judge, type Verdict } from './settlement.ts'
import { countWins, keepWithinLimits, type WinLimits } from './win-limits.ts'

export type Settled =
  | Exclude<Verdict, { status: 'due' }>
  | { status: 'settled'; claim: Claim }
  /** The player has won as often as the campaign lets them. */
  | { status: 'over_limit' }
  /** The row itself cannot be recorded; trying again cannot help. */
  | { status: 'failed'; fault: Error }

/** Whether the gate may note the reservation as settled: the record has this claim, with this very share. */
export const isMarked = (reservation: Reservation, outcome: Settled): boolean =>
  (outcome.status === 'settled' || outcome.status === 'duplicate') &&
  outcome.claim.shareNo === reservation.shareNo

/** What a commit changed, for those who tell the players. */
export type SettledBatch = { claims: readonly Claim[]; envelopes: readonly LockedEnvelope[] }

/** Envelopes that have no share left after it. */
export function listEnded({ claims, envelopes }: SettledBatch): string[] {
  const left = new Map(envelopes.map(({ id, shareCount, claimedShares }) => [id, shareCount - claimedShares]))
  for (const { envelopeId } of claims) left.set(envelopeId, (left.get(envelopeId) ?? 0) - 1)
  return [...left].filter(([, shares]) => shares === 0).map(([id]) => id)
}

export type SettlePorts<T> = {
  record: ClaimRecord<T>
  budgets: PayoutGuard<T>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  /** Absent where no campaign limits its winners. */
  winLimits?: WinLimits<T> | undefined
  /** Who of them is banned, held so until the transaction ends; absent where nobody ever is. */
  findBanned?: ((tx: T, playerIds: readonly string[]) => Promise<ReadonlySet<string>>) | undefined
  nowMs: () => number
  reach: Reach
  /** After each commit that recorded claims. */
  onSettled: (batch: SettledBatch) => void
}

export type Settle = (reservations: readonly Reservation[]) => Promise<Settled[]>

/** What a settlement may do otherwise than the usual one; see restore.ts. */
export type SettleRules<T> = {
  judge: typeof judge
  /** These are settled late: a frozen budget and the cap of this hour are nothing to them. */
  isLate: boolean
  /** When a reservation was made; otherwise a claim is as old as its settlement. */
  claimedAtMs?: (reservation: Reservation, nowMs: number) => number
  /** Inside the transaction, once the claims are counted. */
  afterwards?: (tx: T, recorded: readonly Claim[]) => Promise<void>
}

const usualRules = { judge, isLate: false }

/** Answers in the order of the reservations; throws when PostgreSQL is down or the outcome of COMMIT is unknown. */
export function createSettle<T>(ports: SettlePorts<T>, rules: SettleRules<T> = usualRules): Settle {
  return reservations =>
    halve<Reservation, Settled>(reservations, {
      run: batch => settleTogether(ports, rules, batch),
      isBad: ports.isRowError,
      alone: (_, fault) => ({ status: 'failed', fault }),
    })
}

async function settleTogether<T>(
  ports: SettlePorts<T>,
  rules: SettleRules<T>,
  reservations: readonly Reservation[],
): Promise<Settled[]> {
  const { record, budgets, winLimits, reach } = ports
  reach('before-settle')
  const nowMs = ports.nowMs()
  const claimIds = reservations.map(({ envelopeId, playerId }) => claimIdOf(envelopeId, playerId))
  const { verdicts, claims, envelopes, over, hasFrozen } = await record.transact(async tx => {
    const ids = [...new Set(reservations.map(r => r.envelopeId))]
    const playerIds = [...new Set(reservations.map(r => r.playerId))]
    // Sent together, and each runs when the one before it has ended: the locks before the rivals are read, since what a
    // lock waits for is seen by the statements after it.
    const [locked, banned, { claims: existing, stopped }, shares] = await Promise.all([
      record.lockEnvelopes(tx, ids),
      ports.findBanned?.(tx, playerIds) ?? new Set<string>(),
      record.findRivals(tx, reservations),
      record.findShares(tx, reservations),
    ])
    const found = { locked, existing, stopped, shares, banned }
    const judged = judgeAll(reservations, { claimIds, rules, ...found, nowMs })
    const within = { locked, nowMs, isLate: rules.isLate }
    const limited = await keepWithinLimits(winLimits, tx, judged.due, within)
    const { due, hasFrozen } = await keepWithinCaps(budgets, tx, limited.due, within)
    if (due.length > 0) {
      // Sent together as well; the first that is refused ends the transaction, and its fault is the one that is told.
      await Promise.all([
        record.insertClaims(tx, due),
        record.pay(tx, due),
        record.count(tx, due, nowMs),
        countWins(winLimits, tx, due, locked),
        rules.afterwards?.(tx, due),
      ])
    }
    reach('before-commit')
    const { over } = limited
    return { verdicts: judged.verdicts, claims: due, envelopes: locked, over, hasFrozen }
  })
  if (hasFrozen) budgets.onFrozen()
  if (claims.length > 0) ports.onSettled({ claims, envelopes })
  return conclude(claimIds, verdicts, { claims, over })
}

type Situation = {
  /** In the order of the reservations. */
  claimIds: readonly string[]
  rules: Pick<SettleRules<never>, 'judge' | 'claimedAtMs'>
  locked: readonly LockedEnvelope[]
  existing: readonly Claim[]
  stopped: ReadonlySet<string>
  /** In the order of the reservations. */
  shares: readonly Share[]
  banned: ReadonlySet<string>
  nowMs: number
}

/** Verdicts in order; a batch may hold one player or one share twice, and the later of them loses to the earlier. */
function judgeAll(
  reservations: readonly Reservation[],
  { claimIds, rules, locked, existing, stopped, shares, banned, nowMs }: Situation,
): { verdicts: Verdict[]; due: Claim[] } {
  const envelopes = new Map(locked.map(e => [e.id, e]))
  const byPlayer = new Map(existing.map(c => [`${c.envelopeId}:${c.playerId}`, c]))
  const byShare = new Map<string, unknown>(existing.map(c => [`${c.envelopeId}:${c.shareNo}`, c]))
  const due = new Map<string, Claim>()
  const verdicts = reservations.map((reservation, i) => {
    const { envelopeId, playerId, shareNo } = reservation
    const id = claimIds[i] as string
    if (due.has(id)) return { status: 'due' as const }
    const envelope = envelopes.get(envelopeId)
    const verdict = rules.judge(reservation, envelope, { byPlayer, byShare, banned, stopped })
    if (verdict.status === 'due') {
      const claimedAtMs = rules.claimedAtMs?.(reservation, nowMs) ?? nowMs
      const { currency } = envelope as LockedEnvelope
      due.set(id, { id, envelopeId, playerId, shareNo, ...(shares[i] as Share), currency, claimedAtMs })
      byShare.set(`${envelopeId}:${shareNo}`, reservation)
    }
    return verdict
  })
  return { verdicts, due: [...due.values()] }
}

function conclude(
  claimIds: readonly string[],
  verdicts: readonly Verdict[],
  { claims, over }: { claims: readonly Claim[]; over: ReadonlySet<string> },
) {
  const recorded = new Map(claims.map(c => [c.id, c]))
  return claimIds.map((id, i): Settled => {
    const verdict = verdicts[i] as Verdict
    if (verdict.status !== 'due') return verdict
    if (over.has(id)) return { status: 'over_limit' }
    const claim = recorded.get(id)
    // What was due and is not recorded did not fit under a cap.
    return claim === undefined ? { status: 'frozen' } : { status: 'settled', claim }
  })
}
