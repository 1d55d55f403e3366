/**
 * One channel says that some budget was frozen or opened; the message carries nothing, everybody reads the record. What
 * is lost on the way is read two seconds later.
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

export type FreezeChannel = {
  /** Tells all servers, this one included. */
  announce(): void
  /** Also after the connection came back: something may have been missed. */
  follow(onChange: () => void): void
}

export function createFreezeChannel({
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
}): FreezeChannel {
  const channel = `${prefix}freezes`
  const warn = (error: unknown) => log.warn({ err: error }, 'the channel of freezes is out of reach')
  return {
    announce: () => void redis.publish(channel, '').catch(warn),
    follow(onChange) {
      const subscribe = () => void subscriber.subscribe(channel).then(onChange).catch(warn)
      subscriber.on('message', (from: string) => {
        if (from === channel) onChange()
      })
      subscriber.on('ready', subscribe)
      subscribe()
    },
  }
}
