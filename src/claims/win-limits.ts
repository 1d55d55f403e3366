/**
 * How often one player wins in a campaign that limits it: counted in rows that the settlement locks, in order and
 * behind the envelopes, so that it is exact however many envelopes the player claims from at once. Nothing is asked
 * unless an envelope of the batch belongs to such a campaign.
 */
import type { Claim, LockedEnvelope } from './record.ts'

type Pair = { campaignId: string; playerId: string }

export type WinLimits<T> = {
  /** Locks the pairs until the transaction ends; their wins so far, by `campaign:player`. */
  lock(tx: T, pairs: readonly Pair[]): Promise<ReadonlyMap<string, number>>
  add(tx: T, won: readonly (Pair & { wins: number })[]): Promise<void>
}

type Limited = { due: readonly Claim[]; over: ReadonlySet<string> }

/** The claims that may be made, and the ids of those that may not. `isLate`: they should have been made before. */
export async function keepWithinLimits<T>(
  limits: WinLimits<T> | undefined,
  tx: T,
  claims: readonly Claim[],
  { locked, isLate }: { locked: readonly LockedEnvelope[]; isLate: boolean },
): Promise<Limited> {
  const limitOf = limitsOf(locked)
  const pairs = pairsOf(claims, limitOf)
  if (limits === undefined || pairs.length === 0) return { due: claims, over: new Set() }
  const wins = new Map(await limits.lock(tx, pairs))
  const over = new Set<string>()
  const due = claims.filter(claim => {
    const limit = limitOf.get(claim.envelopeId)
    if (limit === undefined) return true
    const key = `${limit.campaignId}:${claim.playerId}`
    const won = wins.get(key) ?? 0
    if (won >= limit.wins && !isLate) {
      over.add(claim.id)
      return false
    }
    wins.set(key, won + 1)
    return true
  })
  return { due, over }
}

/** Counts what was recorded in the end: a cap may have stopped some. */
export async function countWins<T>(
  limits: WinLimits<T> | undefined,
  tx: T,
  claims: readonly Claim[],
  locked: readonly LockedEnvelope[],
): Promise<void> {
  const limitOf = limitsOf(locked)
  const won = new Map<string, Pair & { wins: number }>()
  for (const { envelopeId, playerId } of claims) {
    const campaignId = limitOf.get(envelopeId)?.campaignId
    if (campaignId === undefined) continue
    const key = `${campaignId}:${playerId}`
    won.set(key, { campaignId, playerId, wins: (won.get(key)?.wins ?? 0) + 1 })
  }
  if (limits !== undefined && won.size > 0) await limits.add(tx, [...won.values()])
}

const limitsOf = (locked: readonly LockedEnvelope[]) =>
  new Map(locked.flatMap(({ id, winLimit }) => (winLimit === undefined ? [] : [[id, winLimit] as const])))

function pairsOf(claims: readonly Claim[], limitOf: ReturnType<typeof limitsOf>): Pair[] {
  const pairs = new Map<string, Pair>()
  for (const { envelopeId, playerId } of claims) {
    const campaignId = limitOf.get(envelopeId)?.campaignId
    if (campaignId !== undefined) pairs.set(`${campaignId}:${playerId}`, { campaignId, playerId })
  }
  return [...pairs.values()]
}
