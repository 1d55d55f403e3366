/**
 * Announcements between servers over Redis pub/sub: two channels per res-7 cell (envelopes, service requests), one per
 * player (frames, and the ids of sessions that went elsewhere), one for bans; under a prefix, because pub/sub crosses
 * Redis databases. A message is serialised once, where it is announced; what is meant for a player travels as the
 * frame that the sockets will send.
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Cell } from '../geo/cell.ts'
import type { CellEvent, CellFeed } from '../hints/live-index.ts'
import type { RequestEvent } from '../requests/live-requests.ts'
import type { Announcer, RequestAnnouncer } from './announcer.ts'

type ChannelOptions = {
  /** Before every channel, for example `hx:`. */
  prefix: string
  log: Pick<Logger, 'warn'>
}

const cellChannel = (prefix: string, cell7: Cell) => `${prefix}c:${cell7}`
const requestChannel = (prefix: string, cell7: Cell) => `${prefix}r:${cell7}`
const playerChannel = (prefix: string, playerId: string) => `${prefix}p:${playerId}`
const bansChannel = (prefix: string) => `${prefix}bans`

/** Publishes on a command connection; what cannot be published is logged and lost. */
export function createAnnouncer(redis: Redis, { prefix, log }: ChannelOptions): Announcer & RequestAnnouncer {
  function publish(channel: string, message: object): void {
    redis
      .publish(channel, JSON.stringify(message))
      .catch((error: unknown) => log.warn({ err: error }, 'an announcement was lost'))
  }
  const tellCell = (cell7: Cell, event: CellEvent) => publish(cellChannel(prefix, cell7), event)
  const tellRequest = (cell7: Cell, event: RequestEvent) => publish(requestChannel(prefix, cell7), event)
  return {
    envelopeOpened: envelope => tellCell(envelope.cell7, { type: 'opened', envelope }),
    envelopeEnded: ended => tellCell(ended.cell7, { type: 'ended', ...ended }),
    cellsChanged: cells7 => cells7.forEach(cell7 => tellCell(cell7, { type: 'changed', cell7 })),
    requestOpened: request => tellRequest(request.cell7, { type: 'opened', request }),
    requestClosed: ({ id, cell7, version }) => tellRequest(cell7, { type: 'closed', id, cell7, version }),
    toPlayer: (playerId, frame) => publish(playerChannel(prefix, playerId), frame),
  }
}

/** What servers tell each other of sessions and players. */
export type Notices = {
  /** The session is to end wherever it still is: its client has opened another one here. */
  sessionLeft(playerId: string, sessionId: string): void
  playerBanned(playerId: string): void
}

/** Publishes on a command connection; what is lost, servers find out by themselves, minutes later. */
export function createNotices(redis: Redis, { prefix, log }: ChannelOptions): Notices {
  function publish(channel: string, message: string): void {
    redis
      .publish(channel, message)
      .catch((error: unknown) => log.warn({ err: error }, 'a notice to the other servers was lost'))
  }
  return {
    sessionLeft: (playerId, sessionId) => publish(playerChannel(prefix, playerId), sessionId),
    playerBanned: playerId => publish(bansChannel(prefix), playerId),
  }
}

export type ChannelHandlers = {
  onCell(event: CellEvent): void
  onRequest(event: RequestEvent): void
  /** `json` is the frame as it was serialised by the announcer. */
  onPlayer(playerId: string, json: string): void
  onSessionLeft(playerId: string, sessionId: string): void
  onBanned(playerId: string): void
  /** The connection came (back): whatever was announced before may have been missed. */
  onRestored(): void
}

export type Channels = CellFeed & {
  /** Of service requests. */
  requests: CellFeed
  /** Resolves as `follow` does. */
  followPlayer(playerId: string): Promise<void>
  unfollowPlayer(playerId: string): void
  /** Hands over the receivers; before it nothing is received. */
  listen(handlers: ChannelHandlers): void
}

/** A frame is an object, the id of a session is not. */
const toPlayer = (handlers: ChannelHandlers, playerId: string, message: string): void =>
  message.startsWith('{') ? handlers.onPlayer(playerId, message) : handlers.onSessionLeft(playerId, message)

/** The receiving side, on a subscriber connection that the caller owns and closes. */
export function createChannels(subscriber: Redis, { prefix, log }: ChannelOptions): Channels {
  const followed = new Set<string>()
  /** By id, which their sessions hold anyhow: the name of a channel for each would be one more text. */
  const players = new Set<string>()
  const warn = (error: unknown) => log.warn({ err: error }, 'the channels of Redis are out of reach')

  async function subscribe(channels: readonly string[]): Promise<void> {
    const subscribed = subscriber.subscribe(...channels)
    // Without a connection the command waits for one, and `onRestored` follows: nobody waits here.
    if (subscriber.status !== 'ready') return void subscribed.catch(warn)
    await subscribed
  }

  async function follow(channels: readonly string[]): Promise<void> {
    for (const channel of channels) followed.add(channel)
    if (channels.length > 0) await subscribe(channels)
  }

  function unfollow(channels: readonly string[]): void {
    if (channels.length === 0) return
    for (const channel of channels) followed.delete(channel)
    subscriber.unsubscribe(...channels).catch(warn)
  }

  function dispatch(handlers: ChannelHandlers, channel: string, message: string): void {
    if (!channel.startsWith(prefix)) return
    const [kind, name = ''] = channel.slice(prefix.length).split(':')
    if (kind === 'p') return players.has(name) ? toPlayer(handlers, name, message) : undefined
    if (!followed.has(channel)) return
    if (kind === 'bans') return handlers.onBanned(message)
    if (kind === 'r') return handlers.onRequest(JSON.parse(message) as RequestEvent)
    handlers.onCell(JSON.parse(message) as CellEvent)
  }

  /** The answer to a repeated SUBSCRIBE proves that the channels are on again; only then is there nothing to miss. */
  async function restore(handlers: ChannelHandlers): Promise<void> {
    const channels = [...followed, ...Array.from(players, id => playerChannel(prefix, id))]
    if (channels.length > 0) await subscriber.subscribe(...channels)
    handlers.onRestored()
  }

  return {
    follow: cells7 => follow(cells7.map(cell7 => cellChannel(prefix, cell7))),
    unfollow: cells7 => unfollow(cells7.map(cell7 => cellChannel(prefix, cell7))),
    requests: {
      follow: cells7 => follow(cells7.map(cell7 => requestChannel(prefix, cell7))),
      unfollow: cells7 => unfollow(cells7.map(cell7 => requestChannel(prefix, cell7))),
    },
    followPlayer(playerId) {
      players.add(playerId)
      return subscribe([playerChannel(prefix, playerId)])
    },
    unfollowPlayer(playerId) {
      players.delete(playerId)
      subscriber.unsubscribe(playerChannel(prefix, playerId)).catch(warn)
    },
    listen(handlers) {
      subscriber.on('ready', () => void restore(handlers).catch(warn))
      subscriber.on('message', (channel: string, message: string) => {
        try {
          dispatch(handlers, channel, message)
        } catch (error) {
          log.warn({ err: error }, 'an announcement was not understood')
        }
      })
      follow([bansChannel(prefix)]).catch(warn)
    },
  }
}
