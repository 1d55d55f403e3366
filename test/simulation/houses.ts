/** The two ports over the real servers and over memory, side by side, for tests that ask both the same. */
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#platform/clock.ts'
import { createScriptRunner } from '#platform/redis.ts'
import type { Tx } from '#platform/postgres.ts'
import type { GateReader } from '../../src/claims/audit.ts'
import type { ClaimGate } from '../../src/claims/gate.ts'
import { createClaimRecord } from '../../src/claims/postgres.ts'
import { createClaimGate, createGateReader } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import type { ClaimRecord } from '../../src/claims/record.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import type { createClaimStage } from '../claims/stage.ts'
import { square } from '../envelopes/stage.ts'
import type { World } from '../helpers/world.ts'
import { createDice } from './dice.ts'
import { createMemoryGate } from './memory-gate.ts'
import { createMemoryPostgres, type MemoryTx } from './memory-postgres.ts'
import { createMemoryRecord, type MemoryRecord, type PostgresLine } from './memory-record.ts'
import { createMemoryRedis, keyOf } from './memory-redis.ts'

/** Ways to break a gate from outside. */
export type Break =
  | { what: 'delete' | 'retype'; key: GateKey }
  | { what: 'drop field'; field: string }
  | { what: 'set field'; field: string; value: string }
  | { what: 'push share'; share: string }

export type GateKey = 'gate' | 'free' | 'winners' | 'outbox'

export type GateHouse = {
  gate: ClaimGate & GateReader
  damage(envelopeId: string, epoch: number, how: Break): Promise<void>
}

export function createRealGate({ redis, redisPrefix: prefix }: World): GateHouse {
  const runner = createScriptRunner(redis)
  const gate = createClaimGate({ redis, runner, prefix, nowMs: systemClock.nowMs })
  return {
    gate: { ...gate, ...createGateReader({ runner, prefix }) },
    async damage(id, epoch, how) {
      const base = `${prefix}e:{${partitionOf(id)}}:${id}`
      const keys = { gate: base, free: `${base}:f:${epoch}`, winners: `${base}:w:${epoch}` }
      const key = (name: GateKey) => (name === 'outbox' ? `${prefix}o:{${partitionOf(id)}}` : keys[name])
      const isHash = (await redis.type(keys.gate)) === 'hash'
      if (how.what === 'delete') {
        await redis.del(key(how.key))
        // A new stream could give an id of this very millisecond a second time, and ids are how entries are told apart.
        await systemClock.sleep(2)
      }
      if (how.what === 'retype') await redis.set(key(how.key), 'x')
      if (how.what === 'drop field' && isHash) await redis.hdel(keys.gate, how.field)
      if (how.what === 'set field' && isHash) await redis.hset(keys.gate, how.field, how.value)
      const isList = ['list', 'none'].includes(await redis.type(keys.free))
      if (how.what === 'push share' && isList) await redis.rpush(keys.free, how.share)
    },
  }
}

export function createMemoryGateHouse(): GateHouse {
  const redis = createMemoryRedis({ identity: 'memory', nowMs: systemClock.nowMs })
  const gate = createMemoryGate({
    ask: async command => command(redis),
    identity: async () => redis.identity,
  })
  const { keys } = redis
  return {
    gate,
    async damage(id, epoch, how) {
      const names = { gate: keyOf.gate(id), free: keyOf.free(id, epoch), winners: keyOf.winners(id, epoch) }
      const key = (name: GateKey) => (name === 'outbox' ? keyOf.outbox(partitionOf(id)) : names[name])
      if (how.what === 'delete') return keys.write(key(how.key), undefined)
      if (how.what === 'retype') return keys.write(key(how.key), { type: 'string' })
      if (how.what === 'push share') {
        const list = keys.get(names.free) ?? { type: 'list', items: [] }
        if (list.type === 'list') keys.write(names.free, { ...list, items: [...list.items, how.share] })
        return undefined
      }
      const gateHash = keys.get(names.gate)
      if (gateHash?.type !== 'hash') return undefined
      const fields = new Map(gateHash.fields)
      if (how.what === 'drop field') fields.delete(how.field)
      if (how.what === 'set field') fields.set(how.field, how.value)
      keys.write(names.gate, fields.size === 0 ? undefined : { type: 'hash', fields })
    },
  }
}

export type RecordHouse = {
  record: ClaimRecord<Tx>
  envelopes: MemoryRecord['envelopes']
  ledger: MemoryRecord['ledger']
  /** An envelope of equal shares of 10; `expiresInMs` from now. */
  hide(shares: number, options?: { expiresInMs?: number; opensInMs?: number }): Promise<string>
  addPlayer(): Promise<string>
  nowMs(): number
  /** Long enough that whoever must wait is waiting. */
  pause(): Promise<unknown>
}

export function createRealRecord(stage: Awaited<ReturnType<typeof createClaimStage>>): RecordHouse {
  const { world, clock } = stage
  const iso = (inMs: number) => new Date(clock.nowMs() + inMs).toISOString()
  return {
    record: createClaimRecord({ database: world.database, postTransfers }),
    envelopes: envelopeRecord,
    ledger: { post: postTransfers },
    async hide(shares, { expiresInMs = 86_400_000, opensInMs } = {}) {
      const { id } = await stage.hideWell(await stage.createMerchant(), {
        shares,
        total: { amountMinor: String(10 * shares), currency: 'CNY' },
        expiresAt: iso(expiresInMs),
        ...(opensInMs !== undefined && { opensAt: iso(opensInMs) }),
      })
      return id
    },
    addPlayer: async () => (await stage.createCrowd(1))[0]?.id as string,
    nowMs: () => clock.nowMs(),
    pause: () => sleep(60),
  }
}

export function createMemoryRecordHouse(nowMs: () => number): RecordHouse {
  const dice = createDice(7)
  const postgres = createMemoryPostgres({ nowMs, after: systemClock.after })
  const line: PostgresLine = {
    postgres,
    owner: 'test',
    ask: async statement => statement(),
    commit: async tx => postgres.commit(tx),
    drop: tx => postgres.abort(tx),
    watchIdle: () => () => {},
  }
  const { claims, envelopes, ledger } = createMemoryRecord(line)
  return {
    record: claims as unknown as ClaimRecord<MemoryTx>,
    envelopes,
    ledger,
    async hide(shares, { expiresInMs = 86_400_000, opensInMs } = {}) {
      const id = dice.uuid()
      const hider = { kind: 'merchant' as const, id: dice.uuid() }
      const totalMinor = BigInt(10 * shares)
      const amounts = Array.from({ length: shares }, () => 10n)
      const cell = locateCell(square)
      const row = {
        ...{ id, hider, place: square, cell, claimRadiusM: 60, currency: 'CNY', totalMinor },
        ...{ shareCount: shares, split: 'equal' as const, shareCapMinor: null, audience: 'anyone' as const },
        ...{ presence: 'gps' as const, reports: 0 },
        ...{
          greeting: null,
          clue: null,
          brand: null,
          showsText: true,
          campaignId: null,
          dropId: null,
          commitment: '',
          guestIds: [],
          passphraseMac: null,
        },
        ...{ state: opensInMs === undefined ? ('live' as const) : ('funded' as const), epoch: 1n },
        ...{
          createdAtMs: nowMs(),
          opensAtMs: nowMs() + (opensInMs ?? 0),
          expiresAtMs: nowMs() + expiresInMs,
        },
        ...{ endedAtMs: null, claimedShares: 0, claimedMinor: 0n },
      }
      postgres.plant(row, amounts, [
        { account: escrowOf(id, 'CNY'), credits: totalMinor, debits: 0n },
        { account: walletOf(hider.id, 'CNY'), credits: 0n, debits: 0n },
      ])
      return id
    },
    async addPlayer() {
      const id = dice.uuid()
      postgres.tables.players.add(id)
      return id
    },
    nowMs,
    pause: () => sleep(5),
  }
}
