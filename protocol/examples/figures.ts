/** Examples of figures: the campaign of the tea house on its second day. */
import {
  exportClaims,
  exportClaimsMap,
  exportEnvelopes,
  exportEnvelopesMap,
  type Figures,
  getFigures,
  getFigureSeries,
  getHeatMap,
  streamFigures,
} from '../rest/figures.ts'
import { campaignId, campaignEnvelopeId } from './campaigns.ts'
import { exampleOf } from './example.ts'
import { cny } from './story.ts'

const params = { id: campaignId }

const figures: Figures = {
  ...{ campaignId, state: 'live', asOf: '2026-02-18T09:30:12.406Z' },
  envelopes: {
    ...{ toPlace: 0, placed: 500, waiting: 0, live: 489, empty: 11, expired: 0, closed: 0, frozen: 0 },
    found: 203,
  },
  shares: { placed: 2_500, claimed: 412 },
  money: {
    ...{ funded: cny('500000'), available: cny('0'), inDrops: cny('0'), inEnvelopes: cny('417288') },
    ...{ claimed: cny('82712'), returned: cny('0') },
  },
  funnel: { revealed: 604, claimed: 412 },
  timeToFirstClaim: { shortestMs: 41_822, medianMs: 6_120_440, p90Ms: 74_002_118 },
}

const ring = [
  [121.475862, 31.229361],
  [121.47714, 31.230782],
  [121.476274, 31.232373],
  [121.474131, 31.232543],
  [121.472853, 31.231122],
  [121.473719, 31.229531],
  [121.475862, 31.229361],
] as [number, number][]
const zone = { type: 'Polygon' as const, coordinates: [ring] }
const cell = '89309959d73ffff'
const claimId = '7b0d1c52-58a9-5d5c-9a3f-2f6f5d7f0e11'

const lines = (...all: string[]) => all.map(line => `${line}\r\n`).join('')

export const figureExamples = [
  exampleOf(getFigures, { params, answers: { 200: figures } }),
  exampleOf(streamFigures, {
    params,
    answers: {
      200:
        `retry: 2000\n\nid: 5f0c7d1be2a94c33\nevent: figures\ndata: ${JSON.stringify(figures)}\n\n` +
        ': still here\n\nevent: goodbye\ndata: {"reason":"key_revoked"}\n\n',
    },
  }),
  exampleOf(getFigureSeries, {
    params,
    query: { by: 'day' },
    answers: {
      200: {
        campaignId,
        by: 'day',
        steps: [
          { day: '2026-02-17', revealed: 398, claimed: 281, amount: cny('56020') },
          { day: '2026-02-18', revealed: 206, claimed: 131, amount: cny('26692') },
        ],
      },
    },
  }),
  exampleOf(getHeatMap, {
    params,
    answers: {
      200: {
        type: 'FeatureCollection',
        features: [
          { type: 'Feature', geometry: zone, properties: { hex_id: cell, envelopes: 341, finders: 120 } },
        ],
        numberReturned: 1,
        asOf: '2026-02-18T09:00:00.000Z',
      },
    },
  }),
  exampleOf(exportEnvelopes, {
    params,
    answers: {
      200: lines(
        'envelope_id,hex_id,lng,lat,state,shares,claimed_shares,total_minor,claimed_minor,currency,opens_at,' +
          'expires_at,ended_at,first_claimed_at,drop_id,greeting,clue,brand',
        `${campaignEnvelopeId},${cell},121.47391,31.23025,live,5,1,1000,212,CNY,2026-02-17T06:02:10.184Z,` +
          '2026-02-24T16:00:00.000Z,,2026-02-17T08:31:00.902Z,019c6a33-07c8-7a55-9d2e-71c4c1a5b3f0,新年快乐,,' +
          'Lotus Tea House',
      ),
    },
  }),
  exampleOf(exportEnvelopesMap, {
    params,
    answers: {
      200:
        '{"type":"FeatureCollection","features":[\n' +
        `{"type":"Feature","id":"${campaignEnvelopeId}","geometry":{"type":"Point","coordinates":` +
        `[121.47391,31.23025]},"properties":{"hex_id":"${cell}","state":"live"}}\n]}\n`,
    },
  }),
  exampleOf(exportClaims, {
    params,
    answers: {
      200: lines(
        'claim_id,envelope_id,hex_id,claimed_at,amount_minor,currency,winner',
        `${claimId},${campaignEnvelopeId},${cell},2026-02-17T08:31:00.902Z,212,CNY,9c41e07b5a2fd688`,
      ),
    },
  }),
  exampleOf(exportClaimsMap, {
    params,
    answers: {
      200:
        '{"type":"FeatureCollection","features":[\n' +
        `{"type":"Feature","id":"${claimId}","geometry":${JSON.stringify(zone)},` +
        `"properties":{"envelope_id":"${campaignEnvelopeId}","hex_id":"${cell}"}}\n]}\n`,
    },
  }),
]
