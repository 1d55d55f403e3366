/** Examples of the way of an envelope: hidden, hinted, looked at, closed, won, verified. */
import { closeEnvelope, getEnvelope, getEnvelopeLedger, hideEnvelope } from '../rest/envelopes.ts'
import { listEnvelopeClaims } from '../rest/envelopes.ts'
import { listEnvelopes, listOwnEnvelopes, verifyEnvelope } from '../rest/envelopes.ts'
import { reportEnvelope } from '../rest/reports.ts'
import { exampleOf } from './example.ts'
import { claimId, clue, cny, envelopeId, fix, greeting, meisShare, place } from './story.ts'
import { split, times, total, zone } from './story.ts'

const params = { id: envelopeId }

/** What anyone sees while it is live. */
const shown = {
  id: envelopeId,
  kind: 'player' as const,
  state: 'live' as const,
  split: 'lucky' as const,
  audience: 'anyone' as const,
  shares: 5,
  presence: 'gps' as const,
  claimRadiusM: 60,
  greeting,
  clue,
  opensAt: times.hidden,
  expiresAt: times.expires,
  commitment: split.commitment,
}

const owned = {
  ...shown,
  total,
  own: { place, createdAt: times.hidden, claimedShares: 0, claimed: cny('0'), escrow: total, reports: 0 },
}

const closed = {
  ...owned,
  state: 'closed' as const,
  endedAt: '2026-02-17T05:00:00.000Z',
  own: { ...owned.own, claimedShares: 1, claimed: meisShare, escrow: cny('0') },
}

const refund = cny('8351')

export const envelopeExamples = [
  exampleOf(reportEnvelope, {
    params,
    body: { reason: 'unreachable' },
    answers: { 200: { envelopeId, reason: 'unreachable', reportedAt: times.claimed } },
  }),
  exampleOf(hideEnvelope, {
    body: { place, crs: 'wgs84', total, shares: 5, split: 'lucky', greeting, clue, claimRadiusM: 60, fix },
    answers: { 201: owned },
  }),
  exampleOf(listEnvelopes, {
    answers: {
      200: {
        type: 'FeatureCollection',
        features: [
          {
            type: 'Feature',
            id: envelopeId,
            geometry: zone,
            properties: { band: 'hot', kind: 'player', greeting, clue, audience: 'anyone' },
          },
        ],
        numberReturned: 1,
        warmth: { within1Km: '10+', within2Km: '10+' },
        links: { self: '/v1/envelopes' },
      },
    },
  }),
  exampleOf(listOwnEnvelopes, {
    query: { limit: '50' },
    answers: { 200: { items: [owned], numberReturned: 1, links: { self: '/v1/me/envelopes' } } },
  }),
  exampleOf(getEnvelope, { params, answers: { 200: shown } }),
  exampleOf(closeEnvelope, {
    params,
    answers: { 200: { envelope: closed, refund } },
  }),
  exampleOf(listEnvelopeClaims, {
    params,
    query: {},
    answers: {
      200: {
        items: [{ claimId, winner: 'p_7Qm2', amount: meisShare, bestLuck: false, claimedAt: times.claimed }],
        numberReturned: 1,
        links: { self: `/v1/envelopes/${envelopeId}/claims` },
      },
    },
  }),
  exampleOf(getEnvelopeLedger, {
    params,
    query: {},
    answers: {
      200: {
        envelopeId,
        state: 'closed',
        sums: { total, funded: total, claimed: meisShare, refunded: refund, remaining: cny('0') },
        items: [
          {
            transferId: '0e7a1a54-7c4b-5d5c-9a83-8f1f6f1f2b10',
            kind: 'escrow',
            amount: total,
            remaining: total,
            createdAt: times.hidden,
          },
          {
            transferId: claimId,
            kind: 'claim',
            amount: meisShare,
            remaining: refund,
            shareNo: 1,
            winner: 'p_7Qm2',
            createdAt: times.claimed,
          },
          {
            transferId: '5d0f3b9e-2b1a-5f7e-8c66-1a2b3c4d5e6f',
            kind: 'refund',
            amount: refund,
            remaining: cny('0'),
            createdAt: closed.endedAt,
          },
        ],
        numberReturned: 3,
        links: { self: `/v1/envelopes/${envelopeId}/ledger` },
      },
    },
  }),
  exampleOf(verifyEnvelope, {
    params,
    answers: {
      200: { envelopeId, split: 'lucky', total, shares: 5, shareCapMinor: '20000', ...split, valid: true },
    },
  }),
]
