/** Examples of campaigns: the tea house drops 500 envelopes over People's Square for the New Year week. */
import {
  closeCampaign,
  createCampaign,
  editCampaign,
  getCampaign,
  launchCampaign,
  listCampaignEnvelopes,
  listCampaigns,
  pauseCampaign,
  resumeCampaign,
} from '../rest/campaigns.ts'
import { addExclusionArea, listExclusionAreas, removeExclusionArea } from '../rest/areas.ts'
import { rotateCampaignCode, showCampaignCode } from '../rest/codes.ts'
import { dropEnvelopes, getDrop, previewDrop } from '../rest/drops.ts'
import { exampleOf } from './example.ts'
import { cny } from './story.ts'

const id = '019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17'
const dropId = '019c6a33-07c8-7a55-9d2e-71c4c1a5b3f0'
const params = { id }

const rectangle = (west: number, south: number, east: number, north: number) => ({
  type: 'Polygon' as const,
  coordinates: [
    [
      [west, south],
      [east, south],
      [east, north],
      [west, north],
      [west, south],
    ] as [number, number][],
  ],
})

const plan = {
  name: 'New Year on the square',
  area: rectangle(121.4717, 31.2287, 121.4757, 31.2321),
  budget: cny('500000'),
  schedule: {
    startsAt: '2026-02-17T06:00:00.000Z',
    endsAt: '2026-02-24T16:00:00.000Z',
    timeZone: 'Asia/Shanghai',
    windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '10:00', to: '22:00' }],
  },
  winsPerPlayer: 3,
  greeting: '新年快乐',
  brand: 'Lotus Tea House',
}
const draft = {
  ...{ id, state: 'draft' as const, version: 1, isOpen: false },
  ...{ ...plan, available: cny('0'), createdAt: '2026-02-17T05:30:00.000Z' },
}
const edited = { ...draft, version: 2, name: 'New Year on People’s Square' }
const live = { ...edited, state: 'live' as const, isOpen: true, available: cny('500000') }
const dropped = { ...live, available: cny('0') }
const ended = {
  ...{ ...dropped, state: 'ended' as const, isOpen: false },
  endedAt: '2026-02-20T12:00:00.000Z',
}

const order = {
  strategy: { type: 'uniform' as const, envelopes: 500 },
  ...{ seed: 'new-year', spacingM: 8, amountMinor: '1000', shares: 5, split: 'lucky' as const },
}
const drop = {
  ...{ id: dropId, campaignId: id, state: 'filling' as const, envelopes: 500, placed: 0, isOpened: false },
  ...{ cost: cny('500000'), createdAt: '2026-02-17T06:02:10.184Z' },
}
const envelope = {
  ...{ id: '019c6a33-0a1b-7e40-8c11-0b9f6a7d2c33', kind: 'merchant' as const, state: 'live' as const },
  ...{ split: 'lucky' as const, audience: 'anyone' as const, shares: 5 },
  ...{ presence: 'gps' as const, claimRadiusM: 60 },
  ...{ greeting: plan.greeting, brand: plan.brand },
  ...{ opensAt: drop.createdAt, expiresAt: plan.schedule.endsAt },
  commitment: 'c2b0e3f1a4958d7766554433221100ffeeddccbbaa99887766554433221100aa',
  total: cny('1000'),
  own: {
    place: { type: 'Point' as const, coordinates: [121.47391, 31.23025] as [number, number] },
    ...{
      createdAt: drop.createdAt,
      claimedShares: 1,
      claimed: cny('212'),
      escrow: cny('788'),
      campaignId: id,
      reports: 0,
    },
  },
}
const school = {
  ...{ id: '019c6a20-5d10-7f02-a6b1-9c0e4b7d8a51', name: 'Primary school' },
  ...{ area: rectangle(121.4722, 31.2291, 121.4727, 31.2295), createdAt: '2026-02-16T08:00:00.000Z' },
}
const page = (path: string) => ({ numberReturned: 1, links: { self: path } })

export const campaignExamples = [
  exampleOf(createCampaign, { body: plan, answers: { 201: draft } }),
  exampleOf(listCampaigns, { answers: { 200: { items: [dropped], ...page(listCampaigns.path) } } }),
  exampleOf(getCampaign, { params, answers: { 200: draft } }),
  exampleOf(editCampaign, { params, body: { name: edited.name }, answers: { 200: edited } }),
  exampleOf(launchCampaign, { params, answers: { 200: live } }),
  exampleOf(pauseCampaign, { params, answers: { 200: { ...dropped, state: 'paused', isOpen: false } } }),
  exampleOf(resumeCampaign, { params, answers: { 200: dropped } }),
  exampleOf(closeCampaign, { params, answers: { 200: ended } }),
  exampleOf(previewDrop, {
    params,
    body: order,
    answers: {
      200: {
        ...{ seed: order.seed, envelopes: 500, cost: cny('500000'), areaM2: 143_816, perKm2: 3_477 },
        cells: [
          { hex_id: '89309959d73ffff', envelopes: 341 },
          { hex_id: '89309959d77ffff', envelopes: 159 },
        ],
        points: { type: 'MultiPoint', coordinates: [[121.47391, 31.23025]] },
        warnings: [],
      },
    },
  }),
  exampleOf(dropEnvelopes, { params, body: order, answers: { 202: drop } }),
  exampleOf(getDrop, {
    params: { id, dropId },
    answers: { 200: { ...drop, state: 'live', placed: 500, isOpened: true } },
  }),
  exampleOf(listCampaignEnvelopes, {
    params,
    answers: { 200: { items: [envelope], ...page(`/v1/campaigns/${id}/envelopes`) } },
  }),
  exampleOf(showCampaignCode, {
    params,
    answers: {
      200: {
        ...{ campaignId: id, code: '081804', expiresAt: '2026-02-17T06:10:30.000Z', secondsLeft: 17 },
        payload: `hexbao://code?campaign=${id}&code=081804`,
      },
    },
  }),
  exampleOf(rotateCampaignCode, {
    params,
    answers: { 200: { campaignId: id, changesAt: '2026-02-17T06:10:28.000Z' } },
  }),
]

export const exclusionExamples = [
  exampleOf(addExclusionArea, {
    body: { name: school.name, area: school.area, reason: 'Asked for by the district' },
    answers: { 201: school },
  }),
  exampleOf(listExclusionAreas, { answers: { 200: { items: [school], ...page(listExclusionAreas.path) } } }),
  exampleOf(removeExclusionArea, { params: { id: school.id }, answers: { 200: school } }),
]
