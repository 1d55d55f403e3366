/** What the verbs of this folder need from outside; app.ts composes the real ones. */
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { AcceptanceRecord } from '../requests/ports.ts'
import type { Chat, Message, Seat, Seen } from './chat.ts'

export type ChatRecord = {
  /** Makes the chat where there is none; until the transaction ends nobody else says anything. The last number. */
  lock(tx: Tx, chat: Chat): Promise<number>
  add(tx: Tx, message: Message): Promise<void>
  find(tx: Tx, messageId: string): Promise<Message | undefined>
  /** When this side said its n-th newest message; undefined where there are fewer. */
  findNthNewestMs(tx: Tx, seat: Seat, nth: number): Promise<number | undefined>
  /** Newest first, one more than the page. */
  list(tx: Tx, chat: Chat, page: PageRequest): Promise<Message[]>
  /** Whether that is farther than before; never beyond the last message. */
  markRead(tx: Tx, seat: Seat, no: number): Promise<boolean>
  findSeen(tx: Tx, chat: Chat): Promise<Seen>
}

/** Service requests, as a chat needs them. */
export type ChatRequests = AcceptanceRecord
