/** A server frame as one line for people: its type and what matters of it. */
import type { HintItem, ServerFrame } from '#protocol/ws/server.ts'
import { formatMoney } from './money.ts'

export const describeFrame = (frame: ServerFrame): string => `${frame.type.padEnd(15)} ${tellFrame(frame)}`

function tellFrame(frame: ServerFrame): string {
  switch (frame.type) {
    case 'welcome':
      return `player ${frame.playerId}, a tick every ${frame.limits.tickMs} ms`
    case 'snapshot':
      return frame.hints.length === 0 ? 'no envelope within 500 m' : frame.hints.map(tellHint).join('; ')
    case 'hint':
      return tellHint(frame)
    case 'warmth':
      return `within 1 km ${frame.within1Km}, within 2 km ${frame.within2Km}`
    case 'gone':
      return `${frame.envelopeId} ${frame.reason}`
    case 'position.ack':
      return tellParts(frame.accepted ? 'accepted' : 'ignored', frame.reason, frame.paused && 'hints pause')
    case 'reveal.result':
      return `${frame.result.envelopeId} ${tellSeen(frame.result)}`
    case 'claim.result':
      return `${frame.result.envelopeId} ${frame.result.status === 'claimed' ? tellWorth(frame.result) : 'pending'}`
    case 'claim.settled':
      return `${frame.envelopeId} ${tellWorth(frame)}`
    case 'envelope.found':
      return `${frame.envelopeId} ${tellMoney(frame)} by ${frame.winner}, ${frame.sharesLeft} shares left`
    case 'envelope.ended':
      return tellParts(
        `${frame.envelopeId} ${frame.reason}`,
        `${frame.claimedShares} shares found, ${tellMoney({ amount: frame.claimed })}`,
        frame.bestLuck && `best luck ${tellMoney(frame.bestLuck)} by ${frame.bestLuck.winner}`,
      )
    case 'envelope.thanked':
      return `${frame.envelopeId} ${frame.winner}: "${frame.text}"`
    case 'envelope.reported':
      return `${frame.envelopeId} ${frame.reason}, ${frame.reports} reports`
    case 'wallet.changed':
      return `${frame.kind} of ${tellMoney(frame)} from ${frame.envelopeId ?? frame.payoutId ?? frame.serviceRequestId}`
    case 'watching':
      return frame.serviceRequests ? 'service requests' : 'no service requests'
    case 'request.opened':
    case 'request.changed':
      return tellRequest(frame)
    case 'request.gone':
      return frame.serviceRequestId
    case 'request.state':
      return `${frame.serviceRequestId} ${frame.state}`
    case 'request.waiting':
      return tellParts(
        `${frame.serviceRequestId} is shown within ${frame.reachM} m`,
        frame.suggestedPrice && `try ${tellMoney({ amount: frame.suggestedPrice })}`,
      )
    case 'review.changed':
      return tellParts(`${frame.kind} ${frame.subjectId} ${frame.state}`, frame.reason)
    case 'offer.made':
      return tellParts(`${frame.serviceRequestId} by ${frame.provider}`, frame.note)
    case 'offer.withdrawn':
    case 'offer.accepted':
    case 'offer.renewed':
    case 'offer.declined':
      return tellOffer(frame)
    case 'chat.message':
      return `${frame.serviceRequestId} ${frame.from}: "${frame.text}"`
    case 'chat.seen':
      return `${frame.serviceRequestId} ${frame.by} has read ${frame.no}`
    case 'error':
      return tellParts(frame.code, frame.reason, ...(frame.errors ?? []).map(tellFault), tellWait(frame))
    case 'goodbye':
      return tellParts(frame.reason, tellWait(frame))
    case 'pong':
      return frame.serverTime
  }
}

type SeenFrame = Extract<ServerFrame, { type: 'request.opened' | 'request.changed' }>

const tellRequest = ({ serviceRequestId, withinM, price, text }: SeenFrame): string =>
  tellParts(serviceRequestId, `within ${withinM} m`, tellMoney({ amount: price }), text)

type OfferFrame = Extract<ServerFrame, { offerId: string; provider?: never }>

const tellOffer = (frame: OfferFrame): string =>
  tellParts(`${frame.serviceRequestId} ${frame.offerId}`, 'reason' in frame ? frame.reason : undefined)

function tellHint({ band, envelopeId, brand, greeting, clue }: HintItem): string {
  const words = [brand, greeting && `"${greeting}"`, clue && `clue: ${clue.text}`]
  return [band, envelopeId, ...words].filter(Boolean).join(' ')
}

const tellSeen = (seen: Extract<ServerFrame, { type: 'reveal.result' }>['result']): string =>
  'anchor' in seen ? `to be drawn at ${seen.anchor.lat}, ${seen.anchor.lng}` : tellWorth(seen)

const tellWorth = ({ amount }: { amount?: { amountMinor: string; currency: string } }): string =>
  amount === undefined ? 'a coupon' : tellMoney({ amount })

const tellMoney = ({ amount }: { amount: { amountMinor: string; currency: string } }): string =>
  formatMoney(BigInt(amount.amountMinor), amount.currency)

const tellFault = ({ pointer, message }: { pointer: string; message: string }): string =>
  `${pointer} ${message}`.trim()

const tellWait = ({ retryAfterMs = 0 }: { retryAfterMs?: number }): string | undefined =>
  retryAfterMs > 0 ? `again in ${retryAfterMs} ms` : undefined

const tellParts = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(', ')
