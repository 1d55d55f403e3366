/** Chats over HTTP. */
import { listMessages, readChat, readMessages, sendMessage } from '#protocol/rest/chats.ts'
import type { Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import type { Chats } from './chats.ts'

export function registerChatRoutes(bind: Bind<Caller>, { chats }: { chats: Chats }): void {
  bind(sendMessage, ({ caller, params, body }) => chats.send({ caller, id: params.id, ...body }))
  bind(listMessages, ({ caller, params, query }) => chats.list({ caller, id: params.id, query }))
  bind(readMessages, ({ caller, params, body }) => chats.read({ caller, id: params.id, ...body }))
  bind(readChat, ({ params, query }) => chats.readForOperator({ id: params.id, query }))
}
