/** The gate on real Redis. Every key of a partition carries the tag {b}, so one script call touches one slot. */
import type { Redis } from 'ioredis'
import { groupBy } from '#platform/group.ts'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import type { GateReader } from './audit.ts'
import type { ClaimGate, GateLoad, ReserveRequest } from './gate.ts'
import type { KeptGates } from './recover.ts'
import { parseEpoch, readEntry, readHeld, readVerdict, readView, readWinner } from './replies.ts'
import { partitionCount, partitionOf, type Reservation } from './reservation.ts'

const scripts = {
  reserve: loadScript(import.meta.url, 'reserve'),
  mark: loadScript(import.meta.url, 'mark'),
  load: loadScript(import.meta.url, 'load'),
  switch: loadScript(import.meta.url, 'switch'),
  inspect: loadScript(import.meta.url, 'inspect'),
}

/** Lists of old epochs and of ended envelopes stay a day, for whoever still asks. */
const keptMs = 86_400_000
const loadChunk = 1_000
const aheadMs = 5_000
const scanCount = 1_000

export type GatePorts = { redis: Redis; runner: ScriptRunner; prefix: string; nowMs: () => number }

export function createClaimGate({ redis, runner, prefix, nowMs }: GatePorts): ClaimGate {
  const keys = keyNames(prefix)

  return {
    identity: runner.identity,

    async reserve(partition, requests, atMs) {
      const { envelopes, indexOf } = groupByEnvelope(requests)
      const scriptKeys = [
        keys.outbox(partition),
        ...envelopes.flatMap(e => keys.ofEpoch(e.envelopeId, e.epoch)),
      ]
      const args = [
        atMs,
        envelopes.length,
        ...envelopes.flatMap(e => [e.envelopeId, e.epoch]),
        ...requests.flatMap((r, i) => [indexOf[i] as number, r.playerId]),
      ]
      const replies = (await runner.run(scripts.reserve, scriptKeys, args)) as string[][]
      return requests.map((request, i) => readVerdict(request, replies[i] ?? []))
    },

    async findHeld(envelopeId, epoch, playerIds) {
      const values = await redis.hmget(keys.winners(envelopeId, epoch), ...playerIds).catch(passOver)
      return playerIds.map((playerId, i) => readHeld({ envelopeId, epoch, playerId }, values[i]))
    },

    async mark(reservations) {
      for (const group of groupBy(reservations, r => partitionOf(r.envelopeId)).values()) {
        const scriptKeys = group.flatMap(r => [keys.gate(r.envelopeId), keys.winners(r.envelopeId, r.epoch)])
        await runner.run(
          scripts.mark,
          scriptKeys,
          group.flatMap(r => [r.playerId, r.shareNo, r.epoch]),
        )
      }
    },

    async void(reservations) {
      for (const [partition, group] of groupBy(reservations, r => partitionOf(r.envelopeId))) {
        const entries = group.map(r => r.entryId).filter(id => id !== '0-0')
        if (entries.length > 0) await redis.xdel(keys.outbox(partition), ...entries)
      }
    },

    storedEpoch: envelopeId => readEpoch(redis, keys.gate(envelopeId)),

    async load(load, previousEpoch) {
      await loadLists(runner, keys, load)
      const old = previousEpoch ?? load.epoch
      const args = [load.epoch, load.opensAtMs, load.expiresAtMs, load.shareCount, load.winners.length]
      const reply = await runner.run(
        scripts.switch,
        [...keys.ofEpoch(load.envelopeId, load.epoch), ...keys.ofEpoch(load.envelopeId, old).slice(1)],
        [...args, keptMs, Math.max(load.expiresAtMs - nowMs(), 0) + keptMs],
      )
      return reply === 'SWITCHED'
    },

    async retire(envelopeId) {
      const epoch = await readEpoch(redis, keys.gate(envelopeId))
      if (epoch === undefined) return
      await Promise.all(keys.ofEpoch(envelopeId, epoch).map(key => redis.pexpire(key, keptMs, 'LT')))
    },

    ...createOutbox(redis, keys),
  }
}

/** What the sweeper reads and trims, and what goes when an envelope has ended. */
function createOutbox(redis: Redis, keys: KeyNames) {
  return {
    async readOutbox(
      partition: number,
      cursor: string,
      { minAgeMs, limit }: { minAgeMs: number; limit: number },
    ) {
      const isDue = await judgeAges(redis, minAgeMs)
      const entries = await redis.xrange(keys.outbox(partition), `(${cursor}`, '+', 'COUNT', limit)
      const early = entries.findIndex(([entryId]) => !isDue(entryId))
      const due = early === -1 ? entries : entries.slice(0, early)
      return due.map(([entryId, fields]) => readEntry(partition, entryId, fields))
    },

    async trimOutbox(partition: number, cursor: string, keepMs: number) {
      const oldest = Number(cursor.split('-')[0]) - keepMs
      if (oldest > 0) await redis.xtrim(keys.outbox(partition), 'MINID', '~', oldest)
    },

    async findUnsettled(envelopeId: string, epoch: number, minAgeMs: number): Promise<Reservation[]> {
      const key = keys.winners(envelopeId, epoch)
      const [isDue, type] = [await judgeAges(redis, minAgeMs), await redis.type(key)]
      // Absent, or a broken gate, which the next claim rebuilds.
      if (type !== 'hash') return []
      return Object.entries(await redis.hgetall(key)).flatMap(([playerId, value]) => {
        const { shareNo, entryId, isSettled } = readWinner(playerId, value)
        return !isSettled && isDue(entryId) ? [{ envelopeId, playerId, shareNo, epoch, entryId }] : []
      })
    },

    async findPending(cursors: ReadonlyMap<number, string>, minAgeMs: number) {
      const isDue = await judgeAges(redis, minAgeMs)
      const heads = await readHeads(cursors)
      return heads.flatMap((head, partition) => (head !== undefined && isDue(head) ? [partition] : []))
    },

    async oldestPendingMs(cursors: ReadonlyMap<number, string>) {
      const nowMs = await readTime(redis)
      const heads = (await readHeads(cursors)).filter(head => head !== undefined)
      return Math.max(0, ...heads.map(head => nowMs - timeOf(head)))
    },
  }

  /** By partition: the first entry behind the cursor. */
  function readHeads(cursors: ReadonlyMap<number, string>): Promise<(string | undefined)[]> {
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition)
    return Promise.all(
      partitions.map(async partition => {
        const after = `(${cursors.get(partition) ?? '0-0'}`
        const [head] = await redis.xrange(keys.outbox(partition), after, '+', 'COUNT', 1).catch(passOver)
        return head?.[0]
      }),
    )
  }
}

/**
 * A key of another type is an operator's slip. Of an outbox, its own partition reserves nothing, the others are swept;
 * of a gate, the next claim rebuilds it.
 */
function passOver(error: Error): [] {
  if (error.message.startsWith('WRONGTYPE')) return []
  throw error
}

/** Looks at gates without touching them, for the audit. */
export function createGateReader({ runner, prefix }: Pick<GatePorts, 'runner' | 'prefix'>): GateReader {
  const keys = keyNames(prefix)
  return {
    inspect: async (envelopeId, epoch) =>
      readView((await runner.run(scripts.inspect, keys.ofEpoch(envelopeId, epoch), [epoch])) as string[]),
  }
}

/** Everything that is left of gates, of whatever epoch, for whoever recovers from it. */
export function createKeptGates({ redis, prefix }: Pick<GatePorts, 'redis' | 'prefix'>): KeptGates {
  const { winners } = keyNames(prefix)
  const pattern = new RegExp(`^${prefix}e:\\{\\d+\\}:([0-9a-f-]{36})(?::w:(\\d+))?$`)
  return {
    async list() {
      const gates = new Map<string, Set<number>>()
      for await (const keys of redis.scanStream({ match: `${prefix}e:*`, count: scanCount })) {
        for (const key of keys as string[]) {
          const [, envelopeId, epoch] = pattern.exec(key) ?? []
          if (envelopeId === undefined) continue
          const epochs = gates.get(envelopeId) ?? new Set()
          if (epoch !== undefined) epochs.add(Number(epoch))
          gates.set(envelopeId, epochs)
        }
      }
      return gates
    },
    async listWinners(envelopeId, epoch) {
      const key = winners(envelopeId, epoch)
      if ((await redis.type(key)) !== 'hash') return []
      return Object.entries(await redis.hgetall(key)).map(([playerId, value]) => readWinner(playerId, value))
    },
  }
}

type KeyNames = ReturnType<typeof keyNames>

function keyNames(prefix: string) {
  const envelope = (id: string) => `${prefix}e:{${partitionOf(id)}}:${id}`
  const winners = (id: string, epoch: number) => `${envelope(id)}:w:${epoch}`
  return {
    outbox: (partition: number) => `${prefix}o:{${partition}}`,
    gate: envelope,
    winners,
    /** Gate, free shares, winners: the order that every script expects. */
    ofEpoch: (id: string, epoch: number): [string, string, string] => [
      envelope(id),
      `${envelope(id)}:f:${epoch}`,
      winners(id, epoch),
    ],
  }
}

/** Distinct (envelope, epoch) pairs in order of appearance, and for each request its place among them, from 1. */
function groupByEnvelope(requests: readonly ReserveRequest[]) {
  const places = new Map<string, number>()
  const envelopes: ReserveRequest[] = []
  const indexOf = requests.map(request => {
    const pair = `${request.envelopeId}:${request.epoch}`
    const known = places.get(pair)
    if (known !== undefined) return known
    envelopes.push(request)
    places.set(pair, envelopes.length)
    return envelopes.length
  })
  return { envelopes, indexOf }
}

/** Loads shares, then winners, in chunks that never hold Redis for long. */
async function loadLists(runner: ScriptRunner, keys: KeyNames, load: GateLoad): Promise<void> {
  const lists = keys.ofEpoch(load.envelopeId, load.epoch).slice(1)
  const chunks = Math.max(1, Math.ceil(Math.max(load.freeShares.length, load.winners.length) / loadChunk))
  for (let i = 0; i < chunks; i++) {
    const slice = <T>(items: readonly T[]) => items.slice(i * loadChunk, (i + 1) * loadChunk)
    const shares = slice(load.freeShares)
    const winners = slice(load.winners).flatMap(w => [w.playerId, w.shareNo])
    await runner.run(scripts.load, lists, [
      i === 0 ? 'first' : 'next',
      keptMs,
      shares.length,
      ...shares,
      ...winners,
    ])
  }
}

/** A gate of another type, or whose epoch is no number, is no gate: the switch will replace it. */
async function readEpoch(redis: Redis, gate: string): Promise<number | undefined> {
  const stored = (await redis.type(gate)) === 'hash' ? await redis.hget(gate, 'epoch') : null
  return stored === null ? undefined : parseEpoch(stored)
}

/**
 * The age of an entry is judged by Redis' own time, which gave it its id. Where that clock was set back, ids go on from
 * where it had been: an entry that is clearly ahead of it has no age to wait for, and settling it early harms nobody.
 */
async function judgeAges(redis: Redis, minAgeMs: number): Promise<(entryId: string) => boolean> {
  const nowMs = await readTime(redis)
  return entryId => {
    const atMs = timeOf(entryId)
    return atMs <= nowMs - minAgeMs || atMs > nowMs + aheadMs
  }
}

/** Of Redis' own clock, which numbers the entries. */
async function readTime(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time()
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)
}

const timeOf = (entryId: string): number => Number(entryId.split('-')[0])
