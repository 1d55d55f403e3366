/**
 * Which device a player plays on: what the identity provider says in the token, else what the client says in a header
 * or in `hello`, else none, and then the account stands for it. A hint and no proof: it makes sharing a phone among
 * many accounts, or an account among many phones, a little dearer, and nothing more.
 */
import { LRUCache } from 'lru-cache'
import { v5 as uuidV5 } from 'uuid'
import { deviceIdPattern } from '#protocol/device.ts'
import { limits } from '#protocol/limits.ts'
import type { Awaitable } from '#platform/awaitable.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database, Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from './caller.ts'

export type DeviceRecord = {
  /** One at a time for each player, until the transaction ends. */
  lock(tx: Tx, playerId: string): Promise<void>
  /** Whether the device is the player's already, and how many became theirs since a moment. */
  count(
    tx: Tx,
    asked: { playerId: string; deviceId: string; sinceMs: number },
  ): Promise<{ isKnown: boolean; recent: number }>
  add(tx: Tx, device: { playerId: string; deviceId: string; nowMs: number }): Promise<void>
}

export type DevicePorts = { devices: DeviceRecord; database: Database; clock: Clock }

/** The player on the device that the client names; one that the token names goes before it. */
export type UseDevice = (player: PlayerCaller, named: string | undefined) => Awaitable<PlayerCaller | Refusal>

/** No client can name the device of somebody's token. */
const namespaces = {
  token: '0d5f7c9e-4f0a-5c55-9d3c-2f7b1c4f0a11',
  client: '6b1d2a34-83a9-5f6e-8b0e-6c0d9b7e5a22',
} as const

export const deviceIdOf = (source: keyof typeof namespaces, name: string): string =>
  uuidV5(name, namespaces[source])

const pattern = new RegExp(deviceIdPattern)
const rememberedDevices = 50_000

const malformed = refuse('device_refused', {
  reason: 'malformed',
  detail: 'A device is a UUID that the client made once and keeps.',
})

export function createDeviceUse(ports: DevicePorts): UseDevice {
  const bound = new LRUCache<string, true>({ max: rememberedDevices })

  async function bindOnce(player: PlayerCaller, deviceId: string): Promise<PlayerCaller | Refusal> {
    const key = `${player.id} ${deviceId}`
    if (!bound.has(key)) {
      if (!(await bind(ports, player, deviceId))) return refuse('device_refused', { reason: 'too_many' })
      bound.set(key, true)
    }
    return { ...player, deviceId }
  }

  return (player, named) => {
    if (named !== undefined && !pattern.test(named)) return malformed
    if (player.deviceId !== undefined || named === undefined) return player
    return bindOnce(player, deviceIdOf('client', named.toLowerCase()))
  }
}

/** Makes the device the player's at first use, five in thirty days of the player's at most. */
function bind({ devices, database, clock }: DevicePorts, player: PlayerCaller, deviceId: string) {
  const nowMs = clock.nowMs()
  const sinceMs = nowMs - limits.device.withinMs / player.timeScale
  const device = { playerId: player.id, deviceId, nowMs }
  return database.transact(async tx => {
    await devices.lock(tx, player.id)
    const { isKnown, recent } = await devices.count(tx, { ...device, sinceMs })
    if (isKnown) return true
    if (recent >= limits.device.perPlayer) return false
    await devices.add(tx, device)
    return true
  })
}
