/**
 * What the rest of the game tells the sockets, after its commit. Announcing never fails the caller: a message that is
 * lost is repaired by the re-read of the live index, and money can always be read over REST.
 */
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cell } from '../geo/cell.ts'
import type { LiveEnvelope } from '../hints/live-envelope.ts'
import type { LiveRequest } from '../requests/live-request.ts'

export type EndReason = 'empty' | 'expired' | 'closed' | 'frozen'
type EnvelopeFrame = 'envelope.found' | 'envelope.ended' | 'envelope.thanked' | 'envelope.reported'
type RequestFrame = 'request.state' | 'request.waiting'
type OfferFrame = 'offer.made' | 'offer.withdrawn' | 'offer.accepted' | 'offer.declined' | 'offer.renewed'
type ChatFrame = 'chat.message' | 'chat.seen'
type MoneyFrame = 'claim.settled' | 'wallet.changed'
type OwnFrame = 'watching' | 'review.changed'
export type PlayerFrame = Unnumbered<
  Extract<
    ServerFrame,
    { type: EnvelopeFrame | RequestFrame | OfferFrame | ChatFrame | MoneyFrame | OwnFrame }
  >
>

export type Announcer = {
  envelopeOpened(envelope: LiveEnvelope): void
  envelopeEnded(envelope: { id: string; cell7: Cell; reason: EndReason }): void
  /** So much changed in these cells that they are to be read again: a message a cell. */
  cellsChanged(cells7: readonly Cell[]): void
  /** To every socket of the player, on whichever server. */
  toPlayer(playerId: string, frame: PlayerFrame): void
}

/** The same of service requests. */
export type RequestAnnouncer = Pick<Announcer, 'toPlayer'> & {
  /** Opened to all near, or shown otherwise than before: farther away, for another price. */
  requestOpened(request: LiveRequest): void
  requestClosed(request: { id: string; cell7: Cell; version: number }): void
}
