/**
 * Reservations a second of one envelope: through the gate as a server asks it, which joins what arrives together into
 * one call of the script, and by `redis-benchmark`, one call and one connection for each.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { systemClock } from '#platform/clock.ts'
import { createScriptRunner, loadScript } from '#platform/redis.ts'
import { createReserve } from '../../src/claims/claims.ts'
import { createClaimGate } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import type { Stores } from './stores.ts'

/** As many as ask at a time, there and here. */
const ASKING = 512
const CLIENTS = 50
/** Not the servers': nobody sweeps what is reserved here. */
const prefix = 'bench:'

export type Reserves = {
  /** Each makes `count` reservations on a new gate, all of them wins; answers how many a second. */
  throughGate(count: number): Promise<number>
  /** Nothing where there is no redis-benchmark. */
  raw(count: number): Promise<number | undefined>
}

export async function createReserves({ redis }: Stores): Promise<Reserves> {
  const script = loadScript(new URL('../../src/claims/redis.ts', import.meta.url).href, 'reserve')
  const { nowMs } = systemClock
  const ports = { redis, runner: createScriptRunner(redis), prefix, nowMs }
  const gate = createClaimGate(ports)
  const reserve = createReserve(gate, systemClock)
  await redis.script('LOAD', script.text)

  async function loadGate(shares: number): Promise<string> {
    const envelopeId = randomUUID()
    const freeShares = Array.from({ length: shares }, (_, i) => i + 1)
    const times = { opensAtMs: 1, expiresAtMs: nowMs() + 3_600_000 }
    await gate.load(
      { envelopeId, epoch: 1, ...times, shareCount: shares, freeShares, winners: [] },
      undefined,
    )
    return envelopeId
  }

  return {
    async throughGate(count) {
      const envelopeId = await loadGate(count)
      const players = Array.from({ length: count }, () => randomUUID())
      let next = 0
      async function ask(): Promise<void> {
        while (next < count) {
          const playerId = players[next++] ?? ''
          const { status } = await reserve({ envelopeId, playerId, epoch: 1 })
          if (status !== 'won') throw new Error(`a reservation was ${status}`)
        }
      }
      const startMs = performance.now()
      await Promise.all(Array.from({ length: ASKING }, ask))
      return (count * 1_000) / (performance.now() - startMs)
    },
    async raw(count) {
      const envelopeId = await loadGate(count)
      const partition = partitionOf(envelopeId)
      const name = `${prefix}e:{${partition}}:${envelopeId}`
      const keys = [`${prefix}o:{${partition}}`, name, `${name}:f:1`, `${name}:w:1`]
      const asked = [nowMs(), 1, envelopeId, 1, 1, 'player-__rand_int__']
      const { host = '', port = 0, username, password } = redis.options
      const args = ['-h', host, '-p', port, '--user', username || 'default', '-a', password ?? '', '--csv']
      const size = ['-n', count, '-c', CLIENTS, '-r', 999_999_999]
      const command = ['evalsha', script.sha, keys.length, ...keys, ...asked]
      const run = promisify(execFile)('redis-benchmark', [...args, ...size, ...command].map(String))
      const { stdout } = await run.catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return { stdout: '' }
        throw error
      })
      if (stdout === '') return undefined
      const rate = Number(/^"evalsha[^\n]*?","([\d.]+)"/m.exec(stdout)?.[1])
      if (!(rate > 0)) throw new Error(`redis-benchmark said: ${stdout}`)
      return rate
    },
  }
}
