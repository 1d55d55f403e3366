/** Reading a chat, saying how far one has read, and what the operator reads to decide a dispute. */
import type { Static } from 'typebox'
import {
  listMessages as listOperation,
  readChat as operatorOperation,
  type readMessages as readOperation,
} from '#protocol/rest/chats.ts'
import type { Clock } from '#platform/clock.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { NoteAction } from '../operator/action.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { nameProvider } from '../requests/view.ts'
import { findSeat, type Message, readableUntilMs, refuseReading, type Seat, viewMessage } from './chat.ts'
import type { ChatRecord, ChatRequests } from './ports.ts'

export type ReadPorts = {
  tx: Tx
  transact: Transact
  record: ChatRecord
  requests: ChatRequests
  noteAction: NoteAction
  announcer: Pick<Announcer, 'toPlayer'>
  clock: Clock
  settings: { hmacSecret: string }
}

type Listed = { status: 200; body: Static<(typeof listOperation.answers)[200]> } | Refusal
type Read = { status: 200; body: Static<(typeof readOperation.answers)[200]> } | Refusal
type Shown = { status: 200; body: Static<(typeof operatorOperation.answers)[200]> } | Refusal

type Query = { limit?: string; cursor?: string }
type Asking = { caller: PlayerCaller; id: string; provider?: string | undefined }

/** `not_found`, `chat_closed` not_open or expired. */
async function sit(ports: ReadPorts, { caller, id, provider }: Asking): Promise<Seat | Refusal> {
  const { tx, requests, clock, settings } = ports
  const request = await requests.find(tx, id)
  if (request === undefined) return refuse('not_found')
  const acceptances = await requests.listAcceptances(tx, id)
  const isMeant = (one: string) => nameProvider(settings.hmacSecret, request, one) === provider
  const wish = { playerId: caller.id, ...(provider !== undefined && { isMeant }) }
  const seat = findSeat({ request, acceptances }, wish)
  return isRefusal(seat) ? seat : (refuseReading(seat, clock.nowMs()) ?? seat)
}

const keyOf = ({ saidAtMs, id }: Message) => ({ atMs: saidAtMs, id })

export async function listMessages(
  ports: ReadPorts,
  { query: { provider, ...query }, ...asking }: Asking & { query: Query & { provider?: string } },
): Promise<Listed> {
  const { tx, record, settings } = ports
  const page = readPage(query)
  if (page.status === 'refused') return page
  const seat = await sit(ports, { ...asking, provider })
  if (isRefusal(seat)) return seat
  const messages = await record.list(tx, seat, page)
  const untilMs = readableUntilMs(seat)
  const { requestId: id, side } = seat
  const request = {
    ...{ path: listOperation.path.replace('{id}', id), limit: page.limit },
    ...(provider !== undefined && { filter: { provider } }),
  }
  const body = {
    provider: nameProvider(settings.hmacSecret, { id, posterId: seat.posterId }, seat.providerId),
    open: seat.over === undefined,
    ...(untilMs !== undefined && { readableUntil: toTimestamp(untilMs) }),
    seen: await record.findSeen(tx, seat),
    ...toPage(messages, request, { item: message => viewMessage(message, side), key: keyOf }),
  }
  return { status: 200, body }
}

/** It only goes forward; both are told when it does. */
export async function readMessages(
  ports: ReadPorts,
  { no, ...asking }: { caller: PlayerCaller; id: string; no: number },
): Promise<Read> {
  const { tx, record, announcer } = ports
  const seat = await sit(ports, asking)
  if (isRefusal(seat)) return seat
  const isNews = await record.markRead(tx, seat, no)
  const seen = await record.findSeen(tx, seat)
  const { requestId: serviceRequestId, side: by } = seat
  if (isNews) {
    for (const playerId of [seat.posterId, seat.providerId])
      announcer.toPlayer(playerId, { type: 'chat.seen', serviceRequestId, by, no: seen[by] })
  }
  return { status: 200, body: { serviceRequestId, by, seen } }
}

/** `not_found`, `wrong_state` unless there is a dispute or was one. That it was read is noted with what was read. */
export async function readForOperator(
  { transact, record, requests, noteAction, clock }: ReadPorts,
  { id, query }: { id: string; query: Query },
): Promise<Shown> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  return transact(async tx => {
    const request = await requests.find(tx, id)
    if (request === undefined) return refuse('not_found')
    const { state, providerId } = request
    const isDisputed = state === 'disputed' || state === 'settled'
    if (!isDisputed || providerId === null) return refuse('wrong_state', { reason: state })
    const messages = await record.list(tx, { requestId: id, providerId }, page)
    const shown = toPage(
      messages,
      { path: operatorOperation.path.replace('{id}', id), limit: page.limit },
      { item: message => viewMessage(message, 'operator'), key: keyOf },
    )
    await noteAction(tx, {
      ...{ actor: 'operator', action: 'read_chat', target: { serviceRequestId: id }, reason: state },
      ...{ after: { messages: shown.numberReturned }, atMs: clock.nowMs() },
    })
    return { status: 200, body: shown }
  })
}
