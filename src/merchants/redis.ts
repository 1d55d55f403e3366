/**
 * One channel says which keys were revoked, so that no server trusts one of them on account of what it read before. A
 * message that is lost costs seconds: no server trusts what it read for longer (keys.ts).
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

export type RevocationChannel = {
  /** Tells all servers, this one included. */
  announce(keyId: string): void
  follow(on: { revoked: (keyId: string) => void; missed: () => void }): void
}

export function createRevocationChannel({
  redis,
  subscriber,
  prefix,
  log,
}: {
  redis: Redis
  /** Takes subscriptions only; the caller owns and closes it. */
  subscriber: Redis
  prefix: string
  log: Pick<Logger, 'warn'>
}): RevocationChannel {
  const channel = `${prefix}revoked-keys`
  const warn = (error: unknown) => log.warn({ err: error }, 'the channel of revoked keys is out of reach')
  return {
    announce: keyId => void redis.publish(channel, keyId).catch(warn),
    follow({ revoked, missed }) {
      const subscribe = () => void subscriber.subscribe(channel).then(missed).catch(warn)
      subscriber.on('message', (from: string, keyId: string) => {
        if (from === channel) revoked(keyId)
      })
      subscriber.on('ready', subscribe)
      subscribe()
    },
  }
}
