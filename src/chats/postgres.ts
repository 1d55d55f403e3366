/** The tables of chats. */
import assert from 'node:assert/strict'
import { loadStatements, type Row } from '#platform/postgres.ts'
import type { Message, Side } from './chat.ts'
import type { ChatRecord } from './ports.ts'

const sql = loadStatements(import.meta.url, [
  ...(['lock-chat', 'add-message', 'find-message', 'find-nth-message', 'list-messages'] as const),
  ...(['mark-read', 'find-seen'] as const),
])

export const chatRecord: ChatRecord = {
  async lock(tx, { requestId, providerId }) {
    const [row] = await tx.query<{ messages: number }>(sql['lock-chat'], [requestId, providerId])
    assert(row, 'a chat is there once it was locked')
    return row.messages
  },

  async add(tx, { id, requestId, providerId, no, side, clientId, text, saidAtMs }) {
    const what = [id, requestId, providerId, no, side, clientId, text]
    await tx.query(sql['add-message'], [...what, new Date(saidAtMs)])
  },

  async find(tx, messageId) {
    const [row] = await tx.query<MessageRow>(sql['find-message'], [messageId])
    return row && toMessage(row)
  },

  async findNthNewestMs(tx, { requestId, providerId, side }, nth) {
    const params = [requestId, providerId, side, nth - 1]
    const [row] = await tx.query<{ at: Date }>(sql['find-nth-message'], params)
    return row?.at.getTime()
  },

  async list(tx, { requestId, providerId }, { limit, after }) {
    const params = [requestId, providerId, after?.id ?? null, limit + 1]
    return (await tx.query<MessageRow>(sql['list-messages'], params)).map(toMessage)
  },

  markRead: async (tx, { requestId, providerId, side }, no) =>
    (await tx.query(sql['mark-read'], [requestId, providerId, side, no])).length > 0,

  async findSeen(tx, { requestId, providerId }) {
    const [row] = await tx.query<SeenRow>(sql['find-seen'], [requestId, providerId])
    return { poster: row?.read_by_poster ?? 0, provider: row?.read_by_provider ?? 0 }
  },
}

type SeenRow = Row & { read_by_poster: number; read_by_provider: number }

type MessageRow = Row & {
  id: string
  request_id: string
  provider_id: string
  no: number
  side: Side
  client_id: string
  text: string
  said_at: Date
}

const toMessage = (row: MessageRow): Message => ({
  ...{ id: row.id, requestId: row.request_id, providerId: row.provider_id, no: row.no, side: row.side },
  ...{ clientId: row.client_id, text: row.text, saidAtMs: row.said_at.getTime() },
})
