/**
 * The reveal verb: what an AR client asks when the camera opens. It goes the way of a claim up to the share and stops
 * there: it reads no gate, reserves nothing and takes no permit. So it says nothing that a claim would not say, and of
 * what is left only that the record has not ended; the row is read again, once for all who ask at the moment. A winner
 * within reach sees the envelope again; elsewhere they hear their win, as a claim would tell it.
 */
import type { RevealBody } from '#protocol/rest/claims.ts'
import type { Cell } from '../geo/cell.ts'
import type { Point } from '../geo/point.ts'
import type { Walker } from '../positions/judging.ts'
import { approachEnvelope, type ApproachPorts, tellFate, type Told } from './approach.ts'
import { isOpenAt, tryAgain } from './grab.ts'
import type { Bearer, Ticket } from './ticket.ts'

export type RevealRequest = { envelopeId: string } & RevealBody

export type RevealAnswer = ({ status: 'revealed'; envelopeId: string; anchor: Point } & Ticket) | Told

/** A player was shown an envelope, which may belong to a campaign. */
export type Revealed = { envelopeId: string; playerId: string; campaignId: string | undefined }

export type RevealPorts = ApproachPorts & {
  anchorOf: (seen: { envelopeId: string; playerId: string; cell12: Cell }) => Point
  issueTicket: (bearer: Bearer, given: { cell: Cell; nowMs: number }) => Ticket
  /** Somebody counts; nothing waits for it. */
  onRevealed?: ((reveal: Revealed) => void) | undefined
}

export type RevealVerb = (player: Walker, request: RevealRequest) => Promise<RevealAnswer>

export const createReveal =
  (ports: RevealPorts): RevealVerb =>
  async (player, request) => {
    const answer = await approachEnvelope(ports, player, { request, purpose: 'reveal' })
    if (answer.status !== 'within_reach') return answer
    const { cell } = answer
    const envelope = (await ports.memory.refresh(answer.envelope.id)) ?? answer.envelope
    const end = await tellFate(ports, player, { envelope, isStopped: ports.isStopped(envelope) })
    if (end !== undefined) return end
    const nowMs = ports.clock.nowMs()
    // Over by its row, and not ended yet: the gate would say the same to a claim.
    if (!isOpenAt(envelope, nowMs)) return tryAgain
    const bearer = { envelopeId: envelope.id, playerId: player.id, deviceId: player.deviceId }
    ports.onRevealed?.({ ...bearer, campaignId: envelope.campaignId })
    const anchor = ports.anchorOf({ ...bearer, cell12: envelope.cell12 })
    return {
      status: 'revealed',
      envelopeId: envelope.id,
      anchor,
      ...ports.issueTicket(bearer, { cell, nowMs }),
    }
  }
