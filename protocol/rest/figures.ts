/** Figures of a campaign: counters as they are, as they become, over time and by cell, and rows for a spreadsheet. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { callerErrors, commonErrors, operation } from '../operation.ts'
import { Balance, Shape, Timestamp, Uuid, Zone } from '../scalars.ts'
import { CampaignState } from './campaigns.ts'

const rules = limits.figures
const id = Shape({ id: Uuid })
const reading = [...commonErrors, ...callerErrors, 'not_found'] as const

const Tally = Type.Integer({ minimum: 0 })
const Wait = Type.Integer({ minimum: 0, description: 'In milliseconds.' })

export const Figures = Shape({
  campaignId: Uuid,
  state: CampaignState,
  asOf: Timestamp,
  envelopes: Shape(
    {
      toPlace: Tally,
      placed: Tally,
      waiting: Tally,
      live: Tally,
      empty: Tally,
      expired: Tally,
      closed: Tally,
      frozen: Tally,
      found: Tally,
    },
    {
      description:
        'Those of its drops. `placed` are made, and each is in one state: waiting to open, live, … frozen; `toPlace` ' +
        'are still to be made, `found` have been claimed from.',
    },
  ),
  shares: Shape({ placed: Tally, claimed: Tally }),
  money: Shape(
    {
      funded: Balance,
      available: Balance,
      inDrops: Balance,
      inEnvelopes: Balance,
      claimed: Balance,
      returned: Balance,
    },
    { description: 'funded = available + inDrops + inEnvelopes + claimed + returned, in every answer.' },
  ),
  funnel: Shape(
    {
      revealed: Tally,
      claimed: Tally,
      redeemed: Type.Optional(Tally),
    },
    {
      description:
        'Players in front of an envelope. `revealed` lags by seconds and is counted as well as that allows; a claim ' +
        'needs no reveal. `redeemed` is there where shares are coupons.',
    },
  ),
  timeToFirstClaim: Type.Optional(
    Shape(
      { shortestMs: Wait, medianMs: Wait, p90Ms: Wait },
      { description: 'From the opening of each envelope that was found to its first claim.' },
    ),
  ),
})
export type Figures = Static<typeof Figures>

export const getFigures = operation({
  id: 'getFigures',
  method: 'GET',
  path: '/v1/campaigns/{id}/figures',
  tag: 'figures',
  summary: 'Its counters, as the ledger has them now',
  description: 'One unmoving picture of the record: whatever was committed before you asked is in it.',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  answers: { 200: Figures },
  errors: reading,
})

export const streamFigures = operation({
  id: 'streamFigures',
  method: 'GET',
  path: '/v1/campaigns/{id}/figures/stream',
  tag: 'figures',
  summary: 'The same, again whenever something changed',
  description:
    'Server-sent events. The first comes at once, later ones at most every ' +
    `${rules.tickMs} ms and only when something changed; a comment every ${rules.heartbeatMs} ms says that the ` +
    'stream lives. An event stands for all before it, so nothing has to be made up after a break: connect again with ' +
    '`Last-Event-ID`, and what you have already is not sent again. The stream ends with `goodbye` when the key is ' +
    'revoked and when the server stops; whoever does not read is cut off. ' +
    `${rules.streamsPerKey} streams of one key at a time, of one server process.`,
  callers: ['merchant'],
  scope: 'read',
  params: id,
  produces: 'text/event-stream',
  answers: {
    200: Type.String({
      description:
        '`event: figures` with the answer of `getFigures` as `data`, or `event: goodbye` with ' +
        '`{"reason": "key_revoked" | "server_stops" | "unavailable"}`.',
    }),
  },
  errors: reading,
})

const Step = Shape({
  hour: Type.Optional(Timestamp),
  day: Type.Optional(
    Type.String({
      pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
      description: "A day in the time zone of the campaign's schedule.",
    }),
  ),
  revealed: Tally,
  claimed: Tally,
  amount: Balance,
})

export const getFigureSeries = operation({
  id: 'getFigureSeries',
  method: 'GET',
  path: '/v1/campaigns/{id}/figures/series',
  tag: 'figures',
  summary: 'Its counters by the hour or day, oldest first',
  description:
    'Hours of UTC without `by`. Steps in which nothing happened are left out. ' +
    `At most ${rules.steps}, the latest ones.`,
  callers: ['merchant'],
  scope: 'read',
  params: id,
  query: Shape({ by: Type.Optional(Type.Enum(['hour', 'day'])) }),
  answers: { 200: Shape({ campaignId: Uuid, by: Type.Enum(['hour', 'day']), steps: Type.Array(Step) }) },
  errors: reading,
})

const HeatFeature = Shape({
  type: Type.Literal('Feature'),
  geometry: Zone,
  properties: Shape({
    hex_id: Type.String({ description: 'H3 cell, resolution 9.' }),
    envelopes: Type.Integer({ minimum: 1 }),
    finders: Type.Optional(Type.Integer({ minimum: rules.playersPerCell })),
  }),
})

export const getHeatMap = operation({
  id: 'getHeatMap',
  method: 'GET',
  path: '/v1/campaigns/{id}/heatmap',
  tag: 'figures',
  summary: 'Where envelopes are found, by H3 cell',
  description:
    '`finders` are different players who have won in the cell, rounded down to a multiple of ' +
    `${rules.playersPerCell}: fewer are not told. The map is that of \`asOf\`, the end of a whole hour; it moves on ` +
    `only when ${rules.playersPerCell} players who are new to the campaign lie behind it, and there is no other period ` +
    'to ask for: no two maps, and no map and another figure, tell of fewer than that many people.',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  answers: {
    200: Shape({
      type: Type.Literal('FeatureCollection'),
      features: Type.Array(HeatFeature),
      numberReturned: Type.Integer({ minimum: 0 }),
      asOf: Type.Optional(Timestamp),
    }),
  },
  errors: reading,
})

const exportNotes = {
  envelopes:
    'Every envelope of its drops, newest first, with its place and, as `hex_id`, the H3 cell of resolution 9.',
  claims:
    'Every claim from the envelopes of its drops, by envelope: when, how much, by which pseudonym, in which H3 cell of ' +
    'resolution 9 (`hex_id`). Nothing of a player or of where they stood.',
}
const formNotes = {
  csv: 'CSV by RFC 4180, in UTF-8. Texts that a spreadsheet would take for a formula begin with an apostrophe.',
  geojson: 'One GeoJSON FeatureCollection by RFC 7946.',
}
const exporting = (what: 'envelopes' | 'claims', form: 'csv' | 'geojson') =>
  ({
    method: 'GET',
    path: `/v1/campaigns/{id}/export/${what}.${form}`,
    tag: 'figures',
    summary: `Its ${what} as ${form === 'csv' ? 'CSV' : 'GeoJSON'}`,
    description:
      `${exportNotes[what]} ${formNotes[form]} It is read while you are: what happens meanwhile may be in it or not. ` +
      `${rules.exportsAtOnce} exports of one merchant at a time, of one server process.`,
    callers: ['merchant'],
    scope: 'read',
    params: id,
    produces: form === 'csv' ? 'text/csv' : 'application/geo+json',
    answers: { 200: Type.String({ description: exportNotes[what] }) },
    errors: reading,
  }) as const

export const exportEnvelopes = operation({ id: 'exportEnvelopes', ...exporting('envelopes', 'csv') })
export const exportEnvelopesMap = operation({
  id: 'exportEnvelopesMap',
  ...exporting('envelopes', 'geojson'),
})
export const exportClaims = operation({ id: 'exportClaims', ...exporting('claims', 'csv') })
export const exportClaimsMap = operation({ id: 'exportClaimsMap', ...exporting('claims', 'geojson') })

export const figureOperations = [
  getFigures,
  streamFigures,
  getFigureSeries,
  getHeatMap,
  exportEnvelopes,
  exportEnvelopesMap,
  exportClaims,
  exportClaimsMap,
]
