/** The tables of players and of their devices. */
import assert from 'node:assert/strict'
import { loadStatements, lockNumber, type Tx } from '#platform/postgres.ts'
import type { DeviceRecord } from './device.ts'
import type { Identity, Player, PlayerRecord } from './player.ts'

const sql = loadStatements(import.meta.url, [
  'find-players',
  'get-player',
  'add-player',
  'set-ban',
  'lock-players',
  'lock-devices',
  'count-devices',
  'add-device',
])

type PlayerRow = {
  id: string
  time_scale: number
  created_at: Date
  banned_at: Date | null
  ban_reason: string | null
}

export const playerRecord: PlayerRecord = {
  findAll,

  async addOrFind(database, identity, { id, nowMs }) {
    const added = await insert(database, { ...identity, id, timeScale: 1, nowMs })
    const [player] = added === undefined ? await findAll(database, [identity]) : [added]
    assert(player !== undefined, 'an identity that conflicts belongs to a player')
    return player
  },

  async add(tx, player) {
    const added = await insert(tx, player)
    assert(added !== undefined, 'a new player has a new identity')
    return added
  },

  async find(tx, id) {
    const [row] = await tx.query<PlayerRow>(sql['get-player'], [id])
    return row && toPlayer(row)
  },

  async setBan(tx, id, ban) {
    const values = ban === undefined ? [id, null, null] : [id, new Date(ban.atMs), ban.reason]
    const [row] = await tx.query<PlayerRow>(sql['set-ban'], values)
    return row && toPlayer(row)
  },

  async findBanned(tx, ids) {
    const rows = await tx.query<Pick<PlayerRow, 'id' | 'banned_at'>>(sql['lock-players'], [ids])
    return new Set(rows.filter(({ banned_at: bannedAt }) => bannedAt !== null).map(({ id }) => id))
  },
}

export const deviceRecord: DeviceRecord = {
  async lock(tx, playerId) {
    await tx.query(sql['lock-devices'], [lockNumber({ scope: 'devices', id: playerId })])
  },

  async count(tx, { playerId, deviceId, sinceMs }) {
    type CountRow = { is_known: boolean; recent: number }
    const [row] = await tx.query<CountRow>(sql['count-devices'], [playerId, deviceId, new Date(sinceMs)])
    return { isKnown: row?.is_known ?? false, recent: row?.recent ?? 0 }
  },

  async add(tx, { playerId, deviceId, nowMs }) {
    await tx.query(sql['add-device'], [playerId, deviceId, new Date(nowMs)])
  },
}

async function findAll(tx: Tx, identities: readonly Identity[]): Promise<(Player | undefined)[]> {
  const params = [identities.map(({ issuer }) => issuer), identities.map(({ subject }) => subject)]
  const rows = await tx.query<PlayerRow & { place: number }>(sql['find-players'], params)
  const found = new Map(rows.map(row => [row.place, toPlayer(row)]))
  return identities.map((_, place) => found.get(place))
}

async function insert(tx: Tx, player: Parameters<PlayerRecord['add']>[1]): Promise<Player | undefined> {
  const { id, issuer, subject, timeScale, nowMs } = player
  const values = [id, issuer, subject, timeScale, new Date(nowMs)]
  const [row] = await tx.query<PlayerRow>(sql['add-player'], values)
  return row && toPlayer(row)
}

const toPlayer = (row: PlayerRow): Player => ({
  id: row.id,
  timeScale: row.time_scale,
  createdAtMs: row.created_at.getTime(),
  ...(row.banned_at !== null &&
    row.ban_reason !== null && { ban: { atMs: row.banned_at.getTime(), reason: row.ban_reason } }),
})
