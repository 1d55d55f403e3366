/** Test inboxes of a sandbox: two keys each, and one for each owner's list of them, which expire. */
import type { Redis } from 'ioredis'
import { limits } from '#protocol/limits.ts'
import type { Owner } from './endpoint.ts'
import type { Inbox, InboxMessage } from './ports.ts'

const { inboxes, inboxMessages, inboxKeptMs } = limits.webhook

export function createInbox({ redis, prefix }: { redis: Redis; prefix: string }): Inbox {
  const ownerKey = (id: string) => `${prefix}inbox:{${id}}`
  const messagesKey = (id: string) => `${ownerKey(id)}:messages`
  return {
    async create(id, owner) {
      await redis.set(ownerKey(id), owner, 'PX', inboxKeptMs)
      const own = `${prefix}inboxes:{${owner}}`
      const count = await redis.rpush(own, id)
      await redis.pexpire(own, inboxKeptMs)
      const oldest = count > inboxes ? await redis.lpop(own) : null
      if (oldest !== null) await redis.del(ownerKey(oldest), messagesKey(oldest))
    },
    async findOwner(id) {
      return ((await redis.get(ownerKey(id))) as Owner | null) ?? undefined
    },
    async keep(id, message) {
      const key = messagesKey(id)
      const kept = redis
        .pipeline()
        .lpush(key, JSON.stringify(message))
        .ltrim(key, 0, inboxMessages - 1)
      await kept.pexpire(key, inboxKeptMs).pexpire(ownerKey(id), inboxKeptMs).exec()
    },
    async list(id) {
      const messages = await redis.lrange(messagesKey(id), 0, -1)
      return messages.map(message => JSON.parse(message) as InboxMessage)
    },
  }
}
