/**
 * A session's part in chats: what it says is answered, and told to the other sessions of both. The message comes over
 * the player's channel to this session, too, which has had it as an answer, and is not told twice.
 */
import type { Static } from 'typebox'
import type { ChatMessage, readMessages } from '#protocol/rest/chats.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import { createRecent } from '#platform/recent.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { PlayerFrame } from './announcer.ts'
import { describeRefusal, refer } from './error-frame.ts'
import type { Line } from './line.ts'

export type ChatSaid = { status: 200; body: ChatMessage } | Refusal
export type ChatRead = { status: 200; body: Static<(typeof readMessages.answers)[200]> } | Refusal

export type TalkPorts = {
  /** Whether refusals carry their figures. */
  isSandbox: boolean
  chats: {
    send(said: { caller: PlayerCaller; id: string; clientId: string; text: string }): Promise<ChatSaid>
    read(read: { caller: PlayerCaller; id: string; no: number }): Promise<ChatRead>
  }
}

export type TalkFrame = Extract<ClientFrame, { type: 'chat.send' | 'chat.read' }>

export type Talk = {
  answer(frame: TalkFrame): Promise<void>
  /** Whether this session is told so as an answer. */
  isEcho(frame: PlayerFrame): boolean
}

/** More than a session can say while a message travels. */
const SAID_REMEMBERED = 100

export function createTalk(
  { player: caller, line }: { player: PlayerCaller; line: Pick<Line, 'send'> },
  ports: TalkPorts,
): Talk {
  const said = createRecent<string>(SAID_REMEMBERED)

  async function say({
    id: ref,
    serviceRequestId: id,
    clientId,
    text,
  }: Extract<TalkFrame, { type: 'chat.send' }>) {
    said.add(clientId)
    try {
      const answer = await ports.chats.send({ caller, id, clientId, text })
      if (!isRefusal(answer)) return line.send({ type: 'chat.message', ...refer(ref), ...answer.body })
      said.delete(clientId)
      return line.send(describeRefusal(answer, ref, ports))
    } catch (error) {
      // It may have been said all the same: then the echo is the only word of it.
      said.delete(clientId)
      throw error
    }
  }

  async function read({ id: ref, serviceRequestId, no }: Extract<TalkFrame, { type: 'chat.read' }>) {
    const answer = await ports.chats.read({ caller, id: serviceRequestId, no })
    if (isRefusal(answer)) return line.send(describeRefusal(answer, ref, ports))
    const { seen, by } = answer.body
    return line.send({ type: 'chat.seen', ...refer(ref), serviceRequestId, by, no: seen[by] })
  }

  return {
    answer: frame => (frame.type === 'chat.send' ? say(frame) : read(frame)),
    isEcho: frame =>
      frame.type === 'chat.message' && frame.clientId !== undefined && said.has(frame.clientId),
  }
}
