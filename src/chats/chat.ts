/**
 * Whose chat it is, and what may be done in it. Each provider who gets a service request has a chat of their own with
 * its poster, from acceptance until they are out of it or it ends; so whoever dropped it, or was cancelled on, reads
 * what was written in their time, and whoever comes after them reads nothing of that.
 */
import type { Static } from 'typebox'
import { v5 as uuidV5 } from 'uuid'
import { limits } from '#protocol/limits.ts'
import type { ChatMessage, ChatSide } from '#protocol/rest/chats.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { Acceptance } from '../requests/ports.ts'
import type { ServiceRequest } from '../requests/request.ts'
import { isEnded } from '../requests/state.ts'

export type Side = Static<typeof ChatSide>

/** The two, and which of them somebody is. */
export type Seat = {
  status: 'seated'
  requestId: string
  posterId: string
  providerId: string
  side: Side
  /** Why nothing can be said any more, and since when. */
  over: { reason: 'ended' | 'dropped'; atMs: number } | undefined
}

export type Chat = Pick<Seat, 'requestId' | 'providerId'>

export type Message = Chat & {
  id: string
  no: number
  side: Side
  clientId: string
  text: string
  saidAtMs: number
}

/** How far each has read; `messages` is the last number. */
export type Seen = Record<Side, number>

/** The same clientId of the same side in the same chat is the same message. */
export const messageIdOf = ({ requestId, providerId, side }: Seat, clientId: string): string =>
  uuidV5(`${providerId}:${side}:${clientId}`, requestId)

type Known = {
  request: ServiceRequest
  /** Everybody who had it in hand, the latest first. */
  acceptances: readonly Acceptance[]
}

/**
 * `not_found` to everybody but its poster and those who had it in hand; `chat_closed` not_open to a poster whom nobody
 * has come to. The poster sits in the latest chat, or in that of the provider whom `isMeant` picks.
 */
export function findSeat(
  { request, acceptances }: Known,
  { playerId, isMeant }: { playerId: string; isMeant?: ((providerId: string) => boolean) | undefined },
): Seat | Refusal {
  const isPoster = playerId === request.posterId
  const isTheirs = isPoster ? (isMeant ?? (() => true)) : (id: string) => id === playerId
  const acceptance = acceptances.find(({ providerId }) => isTheirs(providerId))
  if (acceptance === undefined) {
    const isWaiting = isPoster && acceptances.length === 0
    return isWaiting ? refuse('chat_closed', { reason: 'not_open' }) : refuse('not_found')
  }
  const { id: requestId, posterId } = request
  const { providerId } = acceptance
  const over = endOf(request, acceptance)
  const side = isPoster ? 'poster' : 'provider'
  return { status: 'seated', requestId, posterId, providerId, side, over }
}

function endOf({ state, endedAtMs }: ServiceRequest, { droppedAtMs }: Acceptance): Seat['over'] {
  if (droppedAtMs !== null) return { reason: 'dropped', atMs: droppedAtMs }
  return isEnded(state) && endedAtMs !== null ? { reason: 'ended', atMs: endedAtMs } : undefined
}

/** Until when it can be read; undefined while it is open. */
export const readableUntilMs = ({ over }: Seat): number | undefined =>
  over && over.atMs + limits.chat.readableMs

/** `chat_closed` expired, where it was over too long ago. */
export function refuseReading(seat: Seat, nowMs: number): Refusal | undefined {
  const untilMs = readableUntilMs(seat)
  return untilMs !== undefined && nowMs >= untilMs ? refuse('chat_closed', { reason: 'expired' }) : undefined
}

/** As one of the two sees it, or the operator: what somebody called a message is theirs. */
export const viewMessage = (message: Message, viewer: Side | 'operator'): ChatMessage => ({
  ...{ id: message.id, serviceRequestId: message.requestId, no: message.no, from: message.side },
  ...(message.side === viewer && { clientId: message.clientId }),
  ...{ text: message.text, saidAt: toTimestamp(message.saidAtMs) },
})
