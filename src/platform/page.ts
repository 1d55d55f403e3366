/** Keyset paging: an opaque cursor names the last row seen, so pages neither skip nor repeat while rows arrive. */
import { limits } from '#protocol/limits.ts'
import { type Refusal, refuse } from './problem.ts'

/** The last row of the page before: its time and id, the order of every list. */
export type Keyset = { atMs: number; id: string }
export type PageRequest = { limit: number; after?: Keyset }

/** Reads `limit` and `cursor` of a query. */
export function readPage(query: {
  limit?: string
  cursor?: string
}): ({ status: 'ok' } & PageRequest) | Refusal {
  const limit = Number(query.limit ?? limits.http.page.default)
  if (limit > limits.http.page.max) return refuseQuery('limit', `must be <= ${limits.http.page.max}`)
  if (query.cursor === undefined) return { status: 'ok', limit }
  const [, atMs, id] =
    /^(\d{1,15}):([0-9a-f-]{36})$/.exec(Buffer.from(query.cursor, 'base64url').toString()) ?? []
  if (atMs === undefined || id === undefined) return refuseQuery('cursor', 'is not a cursor of ours')
  return { status: 'ok', limit, after: { atMs: Number(atMs), id } }
}

const refuseQuery = (name: string, message: string): Refusal =>
  refuse('bad_request', { errors: [{ pointer: `/querystring/${name}`, message }] })

/** The page as the protocol sends it; `rows` may hold one more than `limit`, which proves that there is a next page. */
export function toPage<R, I>(
  rows: readonly R[],
  request: { path: string; limit: number; filter?: Record<string, string> },
  { item, key }: { item: (row: R) => I; key: (row: R) => Keyset },
): { items: I[]; numberReturned: number; links: { self: string; next?: string } } {
  const shown = rows.slice(0, request.limit)
  const last = shown.at(-1)
  const hasNext = rows.length > request.limit && last !== undefined
  const filter = Object.entries(request.filter ?? {})
    .map(([name, value]) => `${name}=${value}&`)
    .join('')
  const next = hasNext
    ? { next: `${request.path}?${filter}limit=${request.limit}&cursor=${writeCursor(key(last))}` }
    : {}
  return { items: shown.map(item), numberReturned: shown.length, links: { self: request.path, ...next } }
}

/** Before this key comes every row. */
const newest = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'] as const

/** Time and id of the row before, and the rows to read: one past the page. */
export const keysetParams = ({ limit, after }: PageRequest): unknown[] => [
  ...(after === undefined ? newest : [new Date(after.atMs), after.id]),
  limit + 1,
]

const writeCursor = ({ atMs, id }: Keyset): string => Buffer.from(`${atMs}:${id}`).toString('base64url')
