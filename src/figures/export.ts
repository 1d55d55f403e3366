/**
 * Exports: rows as they are read, a page at a time, each page behind the last row of the one before. No connection and no
 * cursor is held while a client reads, and memory is that of a page, whatever the size of the campaign.
 */
import { cellPolygon } from '../geo/polygon.ts'
import type { Cell } from '../geo/cell.ts'
import { neutralise, toCsvLine } from '../ledger/csv.ts'
import type { ExportedClaim, ExportedEnvelope } from './ports.ts'

export type Form = 'csv' | 'geojson'

export type Page<R> = (after: R | undefined, limit: number) => Promise<R[]>

const pageRows = 500

async function* readPages<R>(page: Page<R>): AsyncGenerator<R[]> {
  for (let after: R | undefined; ; ) {
    const rows = await page(after, pageRows)
    if (rows.length > 0) yield rows
    if (rows.length < pageRows) return
    after = rows.at(-1)
  }
}

/** What a row is called, and how it is written. */
type Table<R> = {
  columns: readonly string[]
  /** Ours need no apostrophe: ids, numbers, times. */
  fields(row: R): readonly string[]
  feature(row: R): object
}

async function* writeCsv<R>(table: Table<R>, page: Page<R>): AsyncGenerator<string> {
  yield toCsvLine(table.columns)
  for await (const rows of readPages(page)) yield rows.map(row => toCsvLine(table.fields(row))).join('')
}

async function* writeGeoJson<R>(table: Table<R>, page: Page<R>): AsyncGenerator<string> {
  let lead = '{"type":"FeatureCollection","features":[\n'
  for await (const rows of readPages(page)) {
    yield lead + rows.map(row => JSON.stringify(table.feature(row))).join(',\n')
    lead = ',\n'
  }
  yield `${lead === ',\n' ? '' : lead}\n]}\n`
}

const write = <R>(form: Form, table: Table<R>, page: Page<R>): AsyncGenerator<string> =>
  form === 'csv' ? writeCsv(table, page) : writeGeoJson(table, page)

const timeOf = (atMs: number | undefined): string => (atMs === undefined ? '' : new Date(atMs).toISOString())

const envelopeColumns = [
  ...['envelope_id', 'hex_id', 'lng', 'lat', 'state', 'shares', 'claimed_shares', 'total_minor'],
  ...['claimed_minor', 'currency', 'opens_at', 'expires_at', 'ended_at', 'first_claimed_at', 'drop_id'],
  ...['greeting', 'clue', 'brand'],
]

const envelopeTable: Table<ExportedEnvelope> = {
  columns: envelopeColumns,
  fields: row => [
    ...[row.id, row.cell9, String(row.lng), String(row.lat), row.state, String(row.shares)],
    ...[String(row.claimedShares), String(row.totalMinor), String(row.claimedMinor), row.currency],
    ...[timeOf(row.opensAtMs), timeOf(row.expiresAtMs), timeOf(row.endedAtMs)],
    ...[timeOf(row.firstClaimedAtMs), row.dropId],
    ...[row.greeting, row.clue, row.brand].map(neutralise),
  ],
  feature: row => ({
    type: 'Feature',
    id: row.id,
    geometry: { type: 'Point', coordinates: [row.lng, row.lat] },
    properties: {
      ...{ hex_id: row.cell9, state: row.state, shares: row.shares, claimed_shares: row.claimedShares },
      ...{ total_minor: String(row.totalMinor), claimed_minor: String(row.claimedMinor) },
      ...{ currency: row.currency, opens_at: timeOf(row.opensAtMs), expires_at: timeOf(row.expiresAtMs) },
      ...(row.endedAtMs !== undefined && { ended_at: timeOf(row.endedAtMs) }),
      ...(row.firstClaimedAtMs !== undefined && { first_claimed_at: timeOf(row.firstClaimedAtMs) }),
      ...{ drop_id: row.dropId, greeting: row.greeting, clue: row.clue, brand: row.brand },
    },
  }),
}

export const writeEnvelopes = (form: Form, page: Page<ExportedEnvelope>): AsyncGenerator<string> =>
  write(form, envelopeTable, page)

/**
 * What a merchant sees of a claim: when, how much, the pseudonym that one winner has for one merchant, and the cell of
 * the envelope. `nameWinner` makes the pseudonym.
 */
export function writeClaims(
  form: Form,
  nameWinner: (claim: ExportedClaim) => string,
  page: Page<ExportedClaim>,
): AsyncGenerator<string> {
  const zones = new Map<Cell, object>()
  const zoneOf = (cell: Cell): object => {
    const zone = zones.get(cell) ?? cellPolygon(cell)
    zones.set(cell, zone)
    return zone
  }
  const amountOf = ({ amountMinor }: ExportedClaim) => (amountMinor === undefined ? '' : String(amountMinor))
  return write(
    form,
    {
      columns: ['claim_id', 'envelope_id', 'hex_id', 'claimed_at', 'amount_minor', 'currency', 'winner'],
      fields: row => [
        ...[row.id, row.envelopeId, row.cell9, timeOf(row.claimedAtMs), amountOf(row), row.currency],
        nameWinner(row),
      ],
      feature: row => ({
        type: 'Feature',
        id: row.id,
        geometry: zoneOf(row.cell9),
        properties: {
          ...{ envelope_id: row.envelopeId, hex_id: row.cell9, claimed_at: timeOf(row.claimedAtMs) },
          ...(row.amountMinor !== undefined && { amount_minor: amountOf(row) }),
          ...{ currency: row.currency, winner: nameWinner(row) },
        },
      }),
    },
    page,
  )
}

/** The same pieces; `over` is called once, when they have been read, or nobody reads them any more. */
export function whenOver(pieces: AsyncIterable<string>, over: () => void): AsyncIterable<string> {
  let isOver = false
  const end = () => {
    if (!isOver) over()
    isOver = true
  }
  return {
    [Symbol.asyncIterator]() {
      const iterator = pieces[Symbol.asyncIterator]()
      return {
        async next() {
          const piece = await iterator.next().catch((error: unknown) => {
            end()
            throw error
          })
          if (piece.done) end()
          return piece
        },
        // Not after the page that is being read: nobody waits for it.
        return() {
          end()
          return Promise.resolve({ done: true as const, value: undefined })
        },
      }
    },
  }
}
