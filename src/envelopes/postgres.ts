/** The tables of envelopes. What is locked is read in a statement after the lock: as the last holder left it. */
import assert from 'node:assert/strict'
import {
  loadStatements,
  lockNumber,
  type Statement,
  type Tx,
  violatedConstraint,
} from '#platform/postgres.ts'
import type { PageRequest } from '#platform/page.ts'
import { coarsen, fromBigInt, toBigInt } from '../geo/cell.ts'
import type { BatchRecord } from './batch.ts'
import type { DroppedRecord } from './dropped.ts'
import type { Envelope } from './envelope.ts'
import type { CampaignEnvelopes, EntrySums, EnvelopeRecord, NewEnvelope } from './ports.ts'
import type { EndRow, EntryRow, EnvelopeRow, WinRow } from './rows.ts'
import { toEnding, toEntry, toEnvelope, toWin } from './rows.ts'
import type { Ending } from './tell-end.ts'

const sql = loadStatements(import.meta.url, [
  'lock',
  'count-around',
  'find-nth-newest-hide',
  'insert-envelope',
  'insert-shares',
  'insert-guests',
  'find-envelopes',
  'lock-envelope',
  'lock-due-to-open',
  'list-due-to-expire',
  'lock-due-to-expire',
  'open-envelopes',
  'move-envelope',
  'show-text',
  'end-envelopes',
  'list-guests',
  'find-guest',
  'list-own',
  'list-wins',
  'list-ends',
  'list-entries',
  'sum-entries',
  'find-seed',
  'list-shares',
  'insert-batch',
  'insert-batch-shares',
  'lock-of-campaign',
  'count-of-campaign',
  'lock-dropped',
  'lock-to-extend',
  'count-to-extend',
  'extend-envelopes',
  'list-places',
  'list-of-campaign',
  'cells-of',
])

export const envelopeRecord: EnvelopeRecord = {
  async lockHiding(tx, { cell9, playerId }) {
    await tx.query(sql.lock, [lockNumber({ scope: 'hide-in-cell', id: cell9 })])
    await tx.query(sql.lock, [lockNumber({ scope: 'hide-by-player', id: playerId })])
  },

  async countAround(tx, { cell, nowMs }) {
    const cells = [toBigInt(coarsen(cell, 10)), toBigInt(coarsen(cell, 9))]
    const [row] = await tx.query<{ in_cell10: number; in_cell9: number }>(sql['count-around'], [
      ...cells,
      new Date(nowMs),
    ])
    assert(row, 'a count is one row')
    return { inCell10: row.in_cell10, inCell9: row.in_cell9 }
  },

  async findNthNewestHideMs(tx, { hider, nth }) {
    const params = [hider.id, hider.kind, nth - 1]
    const [row] = await tx.query<{ created_at: Date }>(sql['find-nth-newest-hide'], params)
    return row?.created_at.getTime()
  },

  insertEnvelope,

  async findEnvelope(tx, id) {
    const [envelope] = await findEnvelopes(tx, [id])
    return envelope
  },

  lockEnvelope: async (tx, id) => (await findBy(tx, sql['lock-envelope'], [id]))[0],

  lockDueToOpen: (tx, { nowMs, limit }) => findBy(tx, sql['lock-due-to-open'], [new Date(nowMs), limit]),

  listDueToExpire: async (tx, { nowMs, limit }) => {
    const rows = await tx.query<{ id: string }>(sql['list-due-to-expire'], [new Date(nowMs), limit])
    return rows.map(({ id }) => id)
  },

  lockDueToExpire: (tx, { nowMs, ids }) => findBy(tx, sql['lock-due-to-expire'], [new Date(nowMs), ids]),

  async openEnvelopes(tx, ids) {
    await tx.query(sql['open-envelopes'], [ids])
  },

  async moveEnvelope(tx, id, state) {
    await tx.query(sql['move-envelope'], [id, state])
  },

  async showText(tx, id, showsText) {
    await tx.query(sql['show-text'], [id, showsText])
  },

  async endEnvelopes(tx, { ids, state, endedAtMs }) {
    await tx.query(sql['end-envelopes'], [ids, state, new Date(endedAtMs)])
  },

  async listGuests(tx, envelopeIds) {
    const rows = await tx.query<{ envelope_id: string; player_ids: string[] }>(sql['list-guests'], [
      envelopeIds,
    ])
    return new Map(rows.map(row => [row.envelope_id, row.player_ids]))
  },

  async isGuest(tx, { envelopeId, playerId }) {
    return (await tx.query(sql['find-guest'], [envelopeId, playerId])).length > 0
  },

  listOwn: (tx, hider, page) => findBy(tx, sql['list-own'], [hider.id, hider.kind, ...pageParams(page)]),

  async listWins(tx, envelopeId, page) {
    const rows = await tx.query<WinRow>(sql['list-wins'], [envelopeId, ...pageParams(page)])
    return rows.map(toWin)
  },

  async listEntries(tx, envelopeId, { limit, after }) {
    const params = [envelopeId, after?.id ?? null, limit + 1]
    return (await tx.query<EntryRow>(sql['list-entries'], params)).map(toEntry)
  },

  async sumEntries(tx, envelopeId) {
    const [row] = await tx.query<EntrySums>(sql['sum-entries'], [envelopeId])
    assert(row, 'a sum is one row')
    return row
  },

  async findSeed(tx, envelopeId) {
    const [row] = await tx.query<{ seed: Buffer }>(sql['find-seed'], [envelopeId])
    return row?.seed
  },

  async listShares(tx, envelopeId) {
    const rows = await tx.query<{ amount: bigint | null }>(sql['list-shares'], [envelopeId])
    return rows.map(row => row.amount ?? 0n)
  },
}

/** Those of these envelopes that a player hid and that have ended. */
export async function listEnds(tx: Tx, ids: readonly string[]): Promise<Ending[]> {
  return (await tx.query<EndRow>(sql['list-ends'], [ids])).map(toEnding)
}

/** The envelopes of campaigns, by the hundred. */
export const droppedRecord: BatchRecord & DroppedRecord & CampaignEnvelopes = {
  async insertBatch(tx, terms, { envelopes: batch, couponIds }) {
    const { merchantId, campaignId, dropId, claimRadiusM, currency, totalMinor, shareCount, split } = terms
    const ids = batch.map(({ id }) => id)
    const places = [
      batch.map(e => e.place.lng),
      batch.map(e => e.place.lat),
      batch.map(e => toBigInt(e.cell)),
    ]
    const proofs = [batch.map(e => e.seed), batch.map(e => Buffer.from(e.commitment, 'hex'))]
    const owner = [merchantId, campaignId, dropId, claimRadiusM, currency, totalMinor, shareCount, split]
    const texts = [terms.greeting, terms.clue, terms.brand]
    const times = [terms.opensAtMs, terms.expiresAtMs, terms.createdAtMs].map(ms => new Date(ms))
    await tx.query(sql['insert-batch'], [
      ids,
      ...places,
      ...proofs,
      ...owner,
      ...texts,
      ...times,
      terms.presence,
    ])
    const amounts = batch.flatMap(({ amountsMinor }) => amountsMinor)
    await tx.query(sql['insert-batch-shares'], [ids, shareCount, amounts, couponIds])
  },

  lockOfCampaign(tx, { campaignId, dropId, after, limit }) {
    const behind = after === undefined ? oldest : [new Date(after.createdAtMs), after.id]
    return findBy(tx, sql['lock-of-campaign'], [campaignId, dropId ?? null, ...behind, limit])
  },

  async countOfCampaign(tx, { campaignId, dropId }) {
    const [row] = await tx.query<{ left: bigint }>(sql['count-of-campaign'], [campaignId, dropId ?? null])
    return Number(row?.left)
  },

  async lockDropped(tx, { dropId, after, limit }) {
    const rows = await tx.query<{ id: string }>(sql['lock-dropped'], [dropId, after ?? null, limit])
    return rows.map(({ id }) => id)
  },

  openEnvelopes: envelopeRecord.openEnvelopes,

  async lockToExtend(tx, { dropId, toMs, limit }) {
    const rows = await tx.query<{ id: string }>(sql['lock-to-extend'], [dropId, new Date(toMs), limit])
    return rows.map(({ id }) => id)
  },

  async countToExtend(tx, { dropId, toMs }) {
    const [row] = await tx.query<{ envelopes: number }>(sql['count-to-extend'], [dropId, new Date(toMs)])
    return row?.envelopes ?? 0
  },

  async extendEnvelopes(tx, ids, toMs) {
    await tx.query(sql['extend-envelopes'], [ids, new Date(toMs)])
  },

  async listCellsOfDrop(tx, dropId) {
    const rows = await tx.query<{ cell_r7: bigint }>(sql['cells-of'], [dropId])
    return rows.map(row => fromBigInt(row.cell_r7))
  },

  listPlaces: (tx, { merchantId, box: { west, south, east, north } }) =>
    tx.query<{ lng: number; lat: number }>(sql['list-places'], [merchantId, west, south, east, north]),

  listOfCampaign: (tx, campaignId, page) =>
    findBy(tx, sql['list-of-campaign'], [campaignId, ...pageParams(page)]),
}

async function insertEnvelope(
  tx: Tx,
  envelope: NewEnvelope,
): Promise<{ status: 'inserted' | 'guest_unknown' }> {
  const { id, hider, place, cell, claimRadiusM, commitment } = envelope
  const { currency, totalMinor, shareCount, split, shareCapMinor, seed } = envelope
  const { audience, passphraseMac, greeting, clue, brand, state, amountsMinor, guestIds } = envelope
  const where = [place.lng, place.lat, toBigInt(cell), claimRadiusM]
  const money = [currency, totalMinor, shareCount, split, shareCapMinor, seed, Buffer.from(commitment, 'hex')]
  const shown = [audience, passphraseMac, greeting, clue, brand, envelope.campaignId]
  const times = [envelope.opensAtMs, envelope.expiresAtMs, envelope.createdAtMs].map(ms => new Date(ms))
  const settings = [envelope.presence, envelope.showsText]
  const params = [id, hider.kind, hider.id, ...where, ...money, ...shown, state, ...times, ...settings]
  await tx.query(sql['insert-envelope'], params)
  await tx.query(sql['insert-shares'], [id, amountsMinor])
  if (guestIds.length === 0) return { status: 'inserted' }
  try {
    await tx.query(sql['insert-guests'], [id, guestIds])
  } catch (error) {
    if (violatedConstraint(error) === 'envelope_guests_player_id_fkey') return { status: 'guest_unknown' }
    throw error
  }
  return { status: 'inserted' }
}

/** Runs a statement that yields ids (and may lock them), then reads their rows as they are now. */
async function findBy(tx: Tx, ids: Statement, params: readonly unknown[]): Promise<Envelope[]> {
  const rows = await tx.query<{ id: string }>(ids, params)
  return rows.length === 0
    ? []
    : findEnvelopes(
        tx,
        rows.map(row => row.id),
      )
}

async function findEnvelopes(tx: Tx, ids: readonly string[]): Promise<Envelope[]> {
  return (await tx.query<EnvelopeRow>(sql['find-envelopes'], [ids])).map(toEnvelope)
}

/** Behind this key comes every row. */
const oldest = ['-infinity', '00000000-0000-0000-0000-000000000000'] as const

/** Where the page begins, and one row more than it shows: whether there is a next one. */
const pageParams = ({ limit, after }: PageRequest): unknown[] => [
  after ? new Date(after.atMs) : null,
  after?.id ?? null,
  limit + 1,
]
