/**
 * Which hints a player is shown, and in what order. Any order by distance, age or id says more than the band does; an
 * order by a keyed hash says nothing, stays the same from one tick to the next, and differs between players, so that a
 * crowd in one place does not run to the same envelope. What several players reported comes last in its band: that it
 * was reported says nothing of where in its cell it lies, because who may report is judged between hint cells.
 */
import { createHmac, hash } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import { LRUCache } from 'lru-cache'
import { type Band, BANDS } from './band.ts'

export type HintCandidate = {
  readonly envelopeId: string
  readonly band: Band
  readonly envelope?: { readonly isReported?: boolean }
}

export type SelectHints = <Candidate extends HintCandidate>(
  candidates: readonly Candidate[],
  options: { playerId: string; limit?: number },
) => Candidate[]

/** 50,000 ranks are about 8 MB, and spare a hash per envelope and tick while a player walks. */
const RANKS_REMEMBERED = 50_000
/** Behind every rank, whose letters are those of base64. */
const LAST = '~'

/**
 * A function that returns at most `limit` (50) candidates, nearest band first, inside a band by SHA-256(key, player,
 * envelope), where the key is HMAC-SHA256(secret, "hints"): of inputs of one length, that is as good as an HMAC of
 * each, at half its cost. Hashes are computed only in the bands that are shown and have something to order.
 */
export function createHintSelector(secret: Uint8Array | string): SelectHints {
  const key = createHmac('sha256', secret).update('hints').digest('base64url')
  const ranks = new LRUCache<string, string>({ max: RANKS_REMEMBERED })

  function rankOf(playerId: string, envelopeId: string): string {
    const pair = `${playerId}:${envelopeId}`
    const known = ranks.get(pair)
    if (known) return known
    const rank = hash('sha256', key + pair, 'base64')
    ranks.set(pair, rank)
    return rank
  }

  return (candidates, { playerId, limit = limits.hint.perSnapshot }) => {
    const selected: (typeof candidates)[number][] = []
    const placeOf = ({ envelopeId, envelope }: HintCandidate) =>
      `${envelope?.isReported ? LAST : ''}${rankOf(playerId, envelopeId)}`
    for (const band of BANDS) {
      if (selected.length >= limit) break
      const members = candidates.filter(candidate => candidate.band === band)
      const ranked = members.length > 1 ? sortBy(members, placeOf) : members
      selected.push(...ranked.slice(0, limit - selected.length))
    }
    return selected
  }
}

function sortBy<Member>(members: readonly Member[], keyOf: (member: Member) => string): Member[] {
  return members
    .map(member => ({ member, key: keyOf(member) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ member }) => member)
}
