/** What Redis as a whole goes through: crashes that forget, flushes, failovers to an older copy, no room. */
import { cutAppendOnlyFile, openDisk } from '../redis-pair.ts'
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { Rig } from '../rig.ts'
import type { Fault } from './fault.ts'
import { lastBetween } from './processes.ts'

/** One at a time: each ends with one healthy primary. */
const redisFault = (
  kind: string,
  weight: number,
  work: (rig: Rig, dice: Dice) => Promise<boolean | void>,
): Fault => ({
  kind,
  weight,
  strike: (rig, dice) => rig.inTurn('redis', async () => (await work(rig, dice)) ?? true),
})

export const redisFaults: readonly Fault[] = [
  redisFault('kill -9 of Redis', 2, async ({ redis, ...rig }) => {
    await redis.primary().kill()
    await redis.restart()
    rig.reconnect()
  }),

  redisFault('SIGSTOP of Redis', 2, async ({ redis, ...rig }, dice) => {
    const thaw = redis.primary().freeze()
    await lastBetween(rig, dice, [1_000, 15_000])
    thaw()
  }),

  redisFault('append-only file cut', 5, async ({ redis, ...rig }, dice) => {
    await redis.primary().kill()
    const cut = await cutAppendOnlyFile(redis.primary().folder, dice.between(1, 64 * 1_024))
    await redis.restart()
    rig.reconnect()
    return cut > 0
  }),

  redisFault('Redis restarted empty', 2, async ({ redis, ...rig }) => {
    await redis.primary().kill()
    await openDisk(redis.primary().folder).empty()
    await redis.restart()
    rig.reconnect()
  }),

  redisFault('Redis restarted from an older copy', 2, async ({ redis, ...rig }, dice) => {
    const disk = openDisk(redis.primary().folder)
    const isKept = await disk.keep().then(
      () => true,
      () => false,
    )
    // Redis rewrote its files just then.
    if (!isKept) return false
    await lastBetween(rig, dice, [1_000, 8_000])
    await redis.primary().kill()
    await disk.putBack()
    await redis.restart()
    rig.reconnect()
    return true
  }),

  redisFault('FLUSHALL', 2, async ({ redis }) => {
    await redis.ask(client => client.flushall())
  }),

  redisFault('stale replica promoted', 2, async ({ redis, ...rig }, dice) => {
    await redis.promoteStale(() => lastBetween(rig, dice, [500, 4_000]))
    rig.reconnect()
    await redis.demoteOld()
  }),

  redisFault('two primaries', 2, async ({ redis, servers, ...rig }, dice) => {
    await redis.promoteStale(() => lastBetween(rig, dice, [500, 3_000]))
    const moved = servers.filter((_, i) => i % 2 === 0)
    for (const server of moved) server.redis.retarget(redis.primary().port())
    await lastBetween(rig, dice, [2_000, 20_000])
    rig.reconnect()
    await redis.demoteOld()
  }),

  redisFault('Redis out of memory', 2, async ({ redis, ...rig }, dice) => {
    await redis.ask(client => client.config('SET', 'maxmemory', '1'))
    await lastBetween(rig, dice, [500, 4_000])
    await redis.ask(client => client.config('SET', 'maxmemory', '0'))
  }),

  redisFault('Redis read-only', 2, async ({ redis, ...rig }, dice) => {
    await redis.ask(client => client.replicaof('127.0.0.1', 1))
    await lastBetween(rig, dice, [500, 4_000])
    await redis.ask(client => client.replicaof('NO', 'ONE'))
  }),

  redisFault('disk of Redis full', 2, async ({ ramDisk, ...rig }, dice) => {
    if (ramDisk === undefined) return false
    const empty = await ramDisk.fill()
    await lastBetween(rig, dice, [1_500, 5_000])
    await empty()
  }),
]
