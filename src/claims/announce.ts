/** Tells players what a settlement changed, after its commit. */
import { pseudonymOf } from '../envelopes/audience.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { describeWin } from './describe.ts'
import type { Claim } from './record.ts'
import type { SettledBatch } from './settle.ts'

export function createSettledAnnouncer({
  announcer,
  hmacSecret,
}: {
  announcer: Announcer
  hmacSecret: string
}) {
  return ({ claims, envelopes }: SettledBatch): void => {
    const rows = new Map(envelopes.map(e => [e.id, { ...e, sharesLeft: e.shareCount - e.claimedShares }]))
    for (const claim of claims) {
      const envelope = rows.get(claim.envelopeId)
      if (envelope === undefined) continue
      envelope.sharesLeft--
      const { envelopeId, playerId } = claim
      const { amount } = describeWin(claim)
      if (amount !== undefined) {
        announcer.toPlayer(playerId, { type: 'wallet.changed', kind: 'claim', amount, envelopeId })
      }
      if (amount !== undefined && envelope.hiderKind === 'player') {
        const hider = { kind: envelope.hiderKind, id: envelope.hiderId }
        const winner = pseudonymOf(hmacSecret, { envelopeId, hider, playerId })
        const { sharesLeft } = envelope
        announcer.toPlayer(envelope.hiderId, {
          type: 'envelope.found',
          envelopeId,
          winner,
          amount,
          sharesLeft,
        })
      }
      if (envelope.sharesLeft === 0) {
        announcer.envelopeEnded({ id: envelopeId, cell7: envelope.cell7, reason: 'empty' })
      }
    }
  }
}

/** To a player who was told "pending", or who has heard nothing because a server died. */
export const announceLateWin = (announcer: Announcer, claim: Claim): void =>
  announcer.toPlayer(claim.playerId, { type: 'claim.settled', ...describeWin(claim) })
