/**
 * A session's part in chats: what it says is answered, and told to the other sessions of both. The message comes over
 * the player's channel to this session, too, which has had it as an answer, and is not told twice.
 */
import type { Static } from 'typebox'
import type { ChatMessage, readMessages } from '#protocol/rest/chats.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import { createRecent, type Recent } from '#platform/recent.ts'
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

type Talker = { player: PlayerCaller; line: Pick<Line, 'send'> }

export const createTalk = (talker: Talker, ports: TalkPorts): Talk => new SessionTalk(talker, ports)

/** A class, as there is one for each session. */
class SessionTalk implements Talk {
  private readonly caller: PlayerCaller
  private readonly line: Pick<Line, 'send'>
  private readonly ports: TalkPorts
  /** Of who ever said something. */
  private said: Recent<string> | undefined

  constructor({ player, line }: Talker, ports: TalkPorts) {
    this.caller = player
    this.line = line
    this.ports = ports
  }

  answer(frame: TalkFrame): Promise<void> {
    return frame.type === 'chat.send' ? this.say(frame) : this.read(frame)
  }

  isEcho(frame: PlayerFrame): boolean {
    const { said } = this
    if (said === undefined || frame.type !== 'chat.message') return false
    return frame.clientId !== undefined && said.has(frame.clientId)
  }

  private async say({
    id: ref,
    serviceRequestId: id,
    clientId,
    text,
  }: Extract<TalkFrame, { type: 'chat.send' }>): Promise<void> {
    const { caller, ports } = this
    this.said ??= createRecent<string>(SAID_REMEMBERED)
    this.said.add(clientId)
    try {
      const answer = await ports.chats.send({ caller, id, clientId, text })
      if (!isRefusal(answer)) {
        return this.line.send({ type: 'chat.message', ...refer(ref), ...answer.body })
      }
      this.said.delete(clientId)
      return this.line.send(describeRefusal(answer, ref, ports))
    } catch (error) {
      // It may have been said all the same: then the echo is the only word of it.
      this.said.delete(clientId)
      throw error
    }
  }

  private async read({
    id: ref,
    serviceRequestId,
    no,
  }: Extract<TalkFrame, { type: 'chat.read' }>): Promise<void> {
    const { caller, ports } = this
    const answer = await ports.chats.read({ caller, id: serviceRequestId, no })
    if (isRefusal(answer)) return this.line.send(describeRefusal(answer, ref, ports))
    const { seen, by } = answer.body
    this.line.send({ type: 'chat.seen', ...refer(ref), serviceRequestId, by, no: seen[by] })
  }
}
