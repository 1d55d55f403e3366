/** Everything that can be done in a chat, composed once from its ports. */
import type { Transact, Tx } from '#platform/postgres.ts'
import { listMessages, readForOperator, readMessages, type ReadPorts } from './read.ts'
import { sendMessage, type SendPorts } from './send.ts'

export type ChatPorts = Omit<ReadPorts & SendPorts, 'tx' | 'transact'> & {
  database: Tx & { transact: Transact }
}

/** Of a verb, its ports filled in. */
type Bound<V> = V extends (ports: never, request: infer R) => infer A ? (request: R) => A : never

export type Chats = {
  send: Bound<typeof sendMessage>
  list: Bound<typeof listMessages>
  read: Bound<typeof readMessages>
  readForOperator: Bound<typeof readForOperator>
}

export function createChats({ database, ...ports }: ChatPorts): Chats {
  const all = { ...ports, tx: database, transact: database.transact }
  return {
    send: request => sendMessage(all, request),
    list: request => listMessages(all, request),
    read: request => readMessages(all, request),
    readForOperator: request => readForOperator(all, request),
  }
}
