/**
 * Saying something. The request is held while it is written, so that nothing is said after its end; the chat is locked,
 * so that its messages are numbered as they come and nobody says more than they may. A message whose answer was lost is
 * sent again under the same clientId and is the same message, also when the chat has closed meanwhile.
 */
import { limits } from '#protocol/limits.ts'
import type { ChatMessage } from '#protocol/rest/chats.ts'
import type { Clock } from '#platform/clock.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { findSeat, type Message, messageIdOf, type Seat, viewMessage } from './chat.ts'
import type { ChatRecord, ChatRequests } from './ports.ts'

export type SendPorts = {
  transact: Transact
  record: ChatRecord
  requests: ChatRequests
  announcer: Pick<Announcer, 'toPlayer'>
  clock: Clock
}

export type SendRequest = { caller: PlayerCaller; id: string; clientId: string; text: string }

export type Sent = { status: 200; body: ChatMessage } | Refusal

const { textChars, perMinute, messages } = limits.chat
const minuteMs = 60_000

/**
 * `chat_refused` text_refused, then `not_found`, `chat_closed` not_open, `chat_refused` id_used, `chat_closed` ended,
 * dropped or full, `too_many_requests`.
 */
export async function sendMessage(
  ports: SendPorts,
  { caller, id, clientId, text: raw }: SendRequest,
): Promise<Sent> {
  // Between two who have chosen each other a telephone number is what a chat is for.
  const checked = checkText(raw, { maxChars: textChars, allowContact: true })
  if (checked.status === 'refused') {
    return refuse('chat_refused', { reason: 'text_refused', detail: `text ${checked.detail}` })
  }
  const { text } = checked
  const said = await ports.transact(async tx => {
    const request = await ports.requests.hold(tx, id)
    if (request === undefined) return refuse('not_found')
    const acceptances = await ports.requests.listAcceptances(tx, id)
    const seat = findSeat({ request, acceptances }, { playerId: caller.id })
    return isRefusal(seat) ? seat : say(ports, tx, { seat, clientId, text, timeScale: caller.timeScale })
  })
  if (isRefusal(said)) return said
  const { seat, message, isNew } = said
  if (isNew) {
    for (const side of ['poster', 'provider'] as const) {
      const playerId = side === 'poster' ? seat.posterId : seat.providerId
      ports.announcer.toPlayer(playerId, { type: 'chat.message', ...viewMessage(message, side) })
    }
  }
  return { status: 200, body: viewMessage(message, seat.side) }
}

type Saying = { seat: Seat; clientId: string; text: string; timeScale: number }
type Said = { status: 'said'; seat: Seat; message: Message; isNew: boolean }

async function say(
  { record, clock }: SendPorts,
  tx: Tx,
  { seat, clientId, text, timeScale }: Saying,
): Promise<Said | Refusal> {
  const messageId = messageIdOf(seat, clientId)
  const last = await record.lock(tx, seat)
  const known = await record.find(tx, messageId)
  if (known !== undefined && known.text !== text) return refuse('chat_refused', { reason: 'id_used' })
  if (known !== undefined) return { status: 'said', seat, message: known, isNew: false }
  if (seat.over !== undefined) return refuse('chat_closed', { reason: seat.over.reason })
  if (last >= messages) return refuse('chat_closed', { reason: 'full' })
  const nowMs = clock.nowMs()
  const nthMs = (await record.findNthNewestMs(tx, seat, perMinute)) ?? -Infinity
  const retryAfterMs = nthMs + minuteMs / timeScale - nowMs
  if (retryAfterMs > 0) return refuse('too_many_requests', { retryAfterMs })
  const { requestId, providerId, side } = seat
  const message = {
    id: messageId,
    requestId,
    providerId,
    no: last + 1,
    side,
    clientId,
    text,
    saidAtMs: nowMs,
  }
  await record.add(tx, message)
  return { status: 'said', seat, message, isNew: true }
}
