/**
 * A channel for each campaign says that its figures have changed; the message carries nothing, whoever follows reads the
 * record. A settlement tells it, so in a rush one message for each campaign and quarter of a second is enough.
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'

export type FiguresChannel = {
  announce(campaignId: string): void
  follow(campaignId: string): void
  unfollow(campaignId: string): void
  /** `onRestored`: the connection came (back), and whatever was announced before may have been missed. */
  listen(handlers: { onChanged(campaignId: string): void; onRestored(): void }): void
}

const apartMs = 250

export function createFiguresChannel({
  redis,
  subscriber,
  prefix,
  clock,
  log,
}: {
  redis: Redis
  /** Takes subscriptions only; the caller owns and closes it. */
  subscriber: Redis
  prefix: string
  clock: Clock
  log: Pick<Logger, 'warn'>
}): FiguresChannel {
  const lead = `${prefix}figures:`
  const followed = new Set<string>()
  /** Announced a moment ago, and whether there is something to say again. */
  const resting = new Map<string, boolean>()
  const warn = (error: unknown) => log.warn({ err: error }, 'the channels of figures are out of reach')

  function publish(campaignId: string): void {
    resting.set(campaignId, false)
    redis.publish(`${lead}${campaignId}`, '').catch(warn)
    clock.after(apartMs, () => {
      if (resting.get(campaignId)) publish(campaignId)
      else resting.delete(campaignId)
    })
  }

  return {
    announce(campaignId) {
      if (resting.has(campaignId)) resting.set(campaignId, true)
      else publish(campaignId)
    },
    follow(campaignId) {
      followed.add(campaignId)
      subscriber.subscribe(`${lead}${campaignId}`).catch(warn)
    },
    unfollow(campaignId) {
      followed.delete(campaignId)
      subscriber.unsubscribe(`${lead}${campaignId}`).catch(warn)
    },
    listen({ onChanged, onRestored }) {
      subscriber.on('message', (channel: string) => {
        const campaignId = channel.startsWith(lead) ? channel.slice(lead.length) : ''
        if (followed.has(campaignId)) onChanged(campaignId)
      })
      subscriber.on('ready', () => {
        if (followed.size === 0) return
        const channels = [...followed].map(campaignId => `${lead}${campaignId}`)
        subscriber.subscribe(...channels).then(onRestored, warn)
      })
    },
  }
}
