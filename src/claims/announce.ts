/** Tells players what a settlement changed, after its commit. */
import { createHmac } from 'node:crypto'
import type { Announcer } from '../realtime/announcer.ts'
import type { Claim } from './record.ts'
import type { SettledBatch } from './settle.ts'

const money = ({ amountMinor, currency }: Claim) => ({ amountMinor: amountMinor.toString(), currency })

/** The same winner has the same name within one envelope, and another in the next. */
export const pseudonymOf = (secret: string, scope: string, playerId: string): string =>
  createHmac('sha256', secret).update(`pseudonym:${scope}:${playerId}`).digest('hex').slice(0, 12)

export function createSettledAnnouncer({
  announcer,
  hmacSecret,
}: {
  announcer: Announcer
  hmacSecret: string
}) {
  return ({ claims, envelopes }: SettledBatch): void => {
    const left = new Map(envelopes.map(e => [e.id, e.shareCount - e.claimedShares]))
    const byId = new Map(envelopes.map(e => [e.id, e]))
    for (const claim of claims) {
      const { envelopeId, playerId } = claim
      const envelope = byId.get(envelopeId)
      if (envelope === undefined) continue
      const sharesLeft = (left.get(envelopeId) ?? 1) - 1
      left.set(envelopeId, sharesLeft)
      announcer.toPlayer(playerId, {
        type: 'wallet.changed',
        kind: 'claim',
        amount: money(claim),
        envelopeId,
      })
      if (envelope.hiderKind === 'player') {
        const winner = pseudonymOf(hmacSecret, envelopeId, playerId)
        announcer.toPlayer(envelope.hiderId, {
          type: 'envelope.found',
          envelopeId,
          winner,
          amount: money(claim),
          sharesLeft,
        })
      }
      if (sharesLeft === 0)
        announcer.envelopeEnded({ id: envelopeId, cell7: envelope.cell7, reason: 'empty' })
    }
  }
}
