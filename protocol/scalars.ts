/** The small types that every operation and frame is made of. */
import { type Static, type TSchema, Type } from 'typebox'
import { limits } from './limits.ts'

/** A closed object: unknown fields are refused, never dropped. */
export const Shape = <P extends Record<string, TSchema>>(
  properties: P,
  options: { description?: string; oneOf?: { required: string[] }[] } = {},
) => Type.Object(properties, { additionalProperties: false, ...options })

export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'Lower-case UUID: version 7, claims version 5.',
})

/** A leap second is a time of RFC 3339 and none of JavaScript, where it would be no number at all. */
export const Timestamp = Type.String({
  format: 'date-time',
  pattern: '^.{17}[0-5]',
  maxLength: 35,
  description: 'RFC 3339, without leap seconds; the server answers in UTC with milliseconds.',
})

export const Currency = Type.String({
  pattern: '^[A-Z]{3}$',
  description:
    'A code from the configured CURRENCIES; XXX, which ISO 4217 has for none, where there are coupons.',
})

/** Money that comes in: 1 to 10^13 - 1 minor units, as a decimal string. */
export const Amount = Shape({
  amountMinor: Type.String({ pattern: '^[1-9][0-9]{0,12}$' }),
  currency: Currency,
})

/** Money that goes out: balances may be zero and larger than one amount. */
export const Balance = Shape({
  amountMinor: Type.String({ pattern: '^(0|[1-9][0-9]{0,17})$' }),
  currency: Currency,
})

export const Crs = Type.Enum(['wgs84', 'gcj02', 'bd09'], {
  description:
    'Datum of the coordinates. Chinese maps and mini programs speak gcj02 or bd09, 363 to 606 m off; the ' +
    'server converts.',
})

export const Latitude = Type.Number({ minimum: -90, maximum: 90 })
export const Longitude = Type.Number({ minimum: -180, maximum: 180 })

/** GeoJSON point (RFC 7946): longitude first. */
export const GeoPoint = Shape({
  type: Type.Literal('Point'),
  coordinates: Type.Tuple([Longitude, Latitude], { description: '[lng, lat]' }),
})

const Ring = Type.Array(Type.Tuple([Longitude, Latitude]))
/** A hint cell as an area: a polygon, or two halves where the cell crosses the antimeridian. */
export const Zone = Type.Union([
  Shape({ type: Type.Literal('Polygon'), coordinates: Type.Array(Ring) }),
  Shape({ type: Type.Literal('MultiPolygon'), coordinates: Type.Array(Type.Array(Ring)) }),
])

/** Where a player says they stand. `at` only orders fixes: time is the server's. */
export const Fix = Shape({
  lat: Latitude,
  lng: Longitude,
  accuracyM: Type.Number({ minimum: 0, maximum: 100_000, description: '68 % radius as phones report it.' }),
  at: Type.Optional(Timestamp),
  crs: Type.Optional(Crs),
})
export type Fix = Static<typeof Fix>

/** What says that a player is there: a fix within the claim radius, or a code that is shown at the place. */
export const Presence = Type.Enum(['gps', 'code'])

export const SiteCode = Type.String({
  pattern: '^[0-9]{6}$',
  description: 'Six digits, as the till shows them.',
})

export const Ticket = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,200}$',
  description: 'Opaque; of this player, device and envelope, for 60 s.',
})

export const Cell10 = Type.String({
  pattern: '^8a[0-9a-f]{13}$',
  description: 'H3 cell, resolution 10 (hint cell).',
})

export const Band = Type.Enum(['here', 'hot', 'warm', 'cool'], {
  description: 'Between the centres of two res-10 cells: same cell, up to 150 m, 300 m, 500 m.',
})

export const Count = Type.Enum(['0', '1+', '10+', '100+'])

export const Warmth = Shape({ within1Km: Count, within2Km: Count })

export const Reputation = Shape({
  count: Type.Integer({
    minimum: 0,
    description: 'Ratings that are told; those that are not yet do not count.',
  }),
  mean: Type.Optional(Type.Number({ minimum: 1, maximum: 5, description: 'Stars, to a tenth.' })),
})
export type Reputation = Static<typeof Reputation>

export const Cursor = Type.String({ maxLength: 200, pattern: '^[A-Za-z0-9_-]+$' })

export const PageQuery = Shape({
  limit: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,2}$', description: `1 to ${limits.http.page.max}.` }),
  ),
  cursor: Type.Optional(Cursor),
})

export const Links = Shape({ self: Type.String(), next: Type.Optional(Type.String()) })

/** A page of `Item`, oldest decision of the order named by the operation. */
export const Page = <T extends TSchema>(item: T) =>
  Shape({ items: Type.Array(item), numberReturned: Type.Integer({ minimum: 0 }), links: Links })

export const Text = (maxLength: number, description?: string) =>
  Type.String({ minLength: 1, maxLength, ...(description === undefined ? {} : { description }) })
