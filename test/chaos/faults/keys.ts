/** Single keys and fields that disappear or are overwritten, as by an operator's slip. */
import type { Redis } from 'ioredis'
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { Fault } from './fault.ts'
import { lastBetween } from './processes.ts'

/** Breaks one of the keys that match; false where there is none, or Redis is down. */
const keyFault = (
  kind: string,
  match: RegExp,
  breakIt: (redis: Redis, key: string, dice: Dice) => Promise<unknown>,
): Fault => ({
  kind,
  weight: 2,
  async strike({ redis }, dice) {
    const broken = redis.ask(async client => {
      const keys = (await client.keys('hx:[eo]:*')).filter(key => match.test(key)).sort()
      if (keys.length === 0) return false
      await breakIt(client, dice.pick(keys), dice)
      return true
    })
    return await broken.catch(() => false)
  },
})

const gate = /^hx:e:\{\d+\}:[0-9a-f-]{36}$/
const free = /:f:\d+$/
const winners = /:w:\d+$/
const outbox = /^hx:o:/

async function deleteField(redis: Redis, key: string, dice: Dice): Promise<void> {
  const fields = (await redis.hkeys(key)).sort()
  if (fields.length > 0) await redis.hdel(key, dice.pick(fields))
}

export const keyFaults: readonly Fault[] = [
  keyFault('gate deleted', gate, (redis, key) => redis.del(key)),
  keyFault('free shares deleted', free, (redis, key) => redis.del(key)),
  keyFault('winners deleted', winners, (redis, key) => redis.del(key)),
  keyFault('outbox deleted', outbox, (redis, key) => redis.del(key)),
  keyFault('field of a gate deleted', gate, deleteField),
  keyFault('one winner deleted', winners, deleteField),
  keyFault('one free share lost', free, (redis, key) => redis.lpop(key)),
  keyFault('key of a gate of a wrong type', /^hx:e:/, (redis, key) => redis.set(key, 'not what it was')),
  {
    kind: 'outbox of a wrong type',
    weight: 2,
    // Nothing of ours deletes it: until an operator does, its partition reserves nothing. So nobody else may interfere.
    strike: (rig, dice) =>
      rig.inTurn('redis', () =>
        rig.redis.ask(async redis => {
          const keys = (await redis.keys('hx:o:*')).sort()
          if (keys.length === 0) return false
          const key = dice.pick(keys)
          await redis.set(key, 'not what it was')
          await lastBetween(rig, dice, [200, 2_000])
          await redis.del(key)
          return true
        }),
      ),
  },
]
