/** Campaigns: a merchant's plan of many envelopes, the drops that place them, and how all of it is stopped and ended. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Amount, Balance, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { Envelope, Split } from './envelopes.ts'

const rules = limits.campaign

const Position = Type.Tuple([
  Type.Number({ minimum: -180, maximum: 180 }),
  Type.Number({ minimum: -90, maximum: 90 }),
])
const Ring = Type.Array(Position, { minItems: 4, maxItems: rules.mostVertices })
const Rings = Type.Array(Ring, { minItems: 1, maxItems: 20 })

/** WGS-84, as RFC 7946 wants it: closed rings, the outer one counter-clockwise, holes clockwise. */
export const Area = Type.Union([
  Shape({ type: Type.Literal('Polygon'), coordinates: Rings }),
  Shape({ type: Type.Literal('MultiPolygon'), coordinates: Type.Array(Rings, { minItems: 1, maxItems: 20 }) }),
])
export type Area = Static<typeof Area>

const TimeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$' })

export const Schedule = Shape({
  startsAt: Type.Optional(Timestamp),
  endsAt: Timestamp,
  timeZone: Type.Optional(Text(64, 'IANA name; UTC by default.')),
  windows: Type.Optional(
    Type.Array(
      Shape({
        days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), {
          minItems: 1,
          maxItems: 7,
          uniqueItems: true,
          description: '1 is Monday.',
        }),
        from: TimeOfDay,
        to: TimeOfDay,
      }),
      { minItems: 1, maxItems: rules.windows, description: 'When claims are open; without any, all day.' },
    ),
  ),
})
export type Schedule = Static<typeof Schedule>

const plan = {
  name: Text(rules.nameChars),
  area: Area,
  budget: Amount,
  schedule: Schedule,
  winsPerPlayer: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10_000, description: 'The most that one player wins in it.' }),
  ),
  greeting: Type.Optional(Text(480)),
  clue: Type.Optional(Shape({ text: Text(1_120) })),
  brand: Type.Optional(Text(240)),
}

export const CampaignPlan = Shape(plan)
export type CampaignPlan = Static<typeof CampaignPlan>

export const CampaignState = Type.Enum(['draft', 'scheduled', 'live', 'paused', 'ended'])

export const Campaign = Shape({
  id: Uuid,
  state: CampaignState,
  version: Type.Integer({ minimum: 1, description: 'Also the ETag.' }),
  isOpen: Type.Boolean({ description: 'Live and inside of its windows: claims are paid.' }),
  ...plan,
  available: Shape(Balance.properties, { description: 'Of the budget, in escrow and in no drop.' }),
  createdAt: Timestamp,
  endedAt: Type.Optional(Timestamp),
  settledAt: Type.Optional(Timestamp),
})

const id = Shape({ id: Uuid })
const reading = [...commonErrors, ...callerErrors, 'not_found'] as const
const writing = [...commonErrors, ...bodyErrors, ...callerErrors] as const
const tag = 'campaigns'

export const createCampaign = operation({
  id: 'createCampaign',
  method: 'POST',
  path: '/v1/campaigns',
  tag,
  summary: 'Plan a campaign',
  description:
    'A draft: nothing is paid and nothing is seen. The area lies inside of the one that the operator verified; in the ' +
    'sandbox anywhere.',
  callers: ['merchant'],
  scope: 'campaigns',
  idempotencyKey: 'required',
  versioned: true,
  body: CampaignPlan,
  answers: { 201: Campaign },
  errors: [...writing, ...idempotencyErrors, 'campaign_refused'],
})

export const listCampaigns = operation({
  id: 'listCampaigns',
  method: 'GET',
  path: '/v1/campaigns',
  tag,
  summary: 'Your campaigns, newest first',
  callers: ['merchant'],
  scope: 'read',
  query: PageQuery,
  answers: { 200: Page(Campaign) },
  errors: [...commonErrors, ...callerErrors],
})

export const getCampaign = operation({
  id: 'getCampaign',
  method: 'GET',
  path: '/v1/campaigns/{id}',
  tag,
  summary: 'One campaign',
  callers: ['merchant'],
  scope: 'read',
  versioned: true,
  params: id,
  answers: { 200: Campaign },
  errors: reading,
})

export const editCampaign = operation({
  id: 'editCampaign',
  method: 'PATCH',
  path: '/v1/campaigns/{id}',
  tag,
  summary: 'Change a draft',
  description: 'What is left out stays. `If-Match` names the version that you saw; if it is another by now, 412.',
  callers: ['merchant'],
  scope: 'campaigns',
  ifMatch: 'required',
  versioned: true,
  params: id,
  body: Type.Partial(CampaignPlan, { additionalProperties: false }),
  answers: { 200: Campaign },
  errors: [
    ...writing,
    'not_found',
    'campaign_refused',
    'campaign_state',
    'if_match_missing',
    'edited_meanwhile',
  ],
})

export const launchCampaign = operation({
  id: 'launchCampaign',
  method: 'POST',
  path: '/v1/campaigns/{id}/launch',
  tag,
  summary: 'Escrow the whole budget; live at once or when it starts',
  callers: ['merchant'],
  scope: 'finance',
  idempotencyKey: 'required',
  versioned: true,
  params: id,
  answers: { 200: Campaign },
  errors: [...reading, ...idempotencyErrors, 'campaign_refused', 'campaign_state', 'insufficient_funds', 'frozen'],
})

const moving = (verb: 'pause' | 'resume' | 'close', summary: string, description: string) =>
  ({
    method: 'POST',
    path: `/v1/campaigns/{id}/${verb}`,
    tag,
    summary,
    description,
    callers: ['merchant'],
    scope: 'campaigns',
    versioned: true,
    params: id,
    answers: { 200: Campaign },
    errors: [...reading, 'campaign_state'],
  }) as const

export const pauseCampaign = operation({
  id: 'pauseCampaign',
  ...moving('pause', 'Stop its payouts', 'Claims answer 503 `frozen`; what is reserved waits. Repeating is safe.'),
})
export const resumeCampaign = operation({
  id: 'resumeCampaign',
  ...moving('resume', 'Let its payouts go on', 'Repeating is safe. What the operator froze stays frozen.'),
})
export const closeCampaign = operation({
  id: 'closeCampaign',
  ...moving(
    'close',
    'End it and take back what is left',
    'Final: no claim is paid from now on. Its envelopes close within seconds, and what is left returns to the ' +
      'wallet; then `settledAt` is set.',
  ),
})

const Strategy = Type.Union([
  Shape({
    type: Type.Literal('uniform'),
    envelopes: Type.Integer({ minimum: 1, maximum: rules.envelopesPerDrop }),
  }),
  Shape({
    type: Type.Literal('cells'),
    resolution: Type.Integer({ minimum: 8, maximum: 12, description: 'One in each H3 cell of the area.' }),
  }),
  Shape({
    type: Type.Literal('points'),
    points: Shape({
      type: Type.Literal('MultiPoint'),
      coordinates: Type.Array(Position, { minItems: 1, maxItems: rules.pointsPerRequest }),
    }),
  }),
])

export const DropOrder = Shape({
  strategy: Strategy,
  seed: Type.Optional(Text(64, 'The same seed gives the same places; without it, another one each time.')),
  spacingM: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Between any two of yours.' })),
  amountMinor: Type.String({ pattern: '^[1-9][0-9]{0,12}$', description: 'Of each envelope.' }),
  shares: Type.Integer({ minimum: 1, maximum: limits.envelope.merchantShares }),
  split: Split,
  claimRadiusM: Type.Optional(
    Type.Integer({ minimum: limits.envelope.claimRadiusM.min, maximum: limits.envelope.claimRadiusM.max }),
  ),
})
export type DropOrder = Static<typeof DropOrder>

export const Warning = Shape({
  code: Type.Enum(['cells_without_room', 'spacing_impossible', 'radius_below_accuracy', 'budget_exceeded']),
  detail: Type.String(),
})

export const Preview = Shape({
  seed: Type.String({ description: 'Drop with it, and the places are these.' }),
  envelopes: Type.Integer(),
  cost: Balance,
  areaM2: Type.Number({ description: 'Of the campaign, without the exclusion areas.' }),
  perKm2: Type.Number({ description: 'Envelopes on a square kilometre of it.' }),
  cells: Type.Array(Shape({ hex_id: Type.String(), envelopes: Type.Integer() }), {
    description: 'Resolution 9, the fullest first.',
  }),
  points: Shape(
    { type: Type.Literal('MultiPoint'), coordinates: Type.Array(Position) },
    { description: `The first ${rules.previewPoints}.` },
  ),
  warnings: Type.Array(Warning),
})

export const previewDrop = operation({
  id: 'previewDrop',
  method: 'POST',
  path: '/v1/campaigns/{id}/preview',
  tag,
  summary: 'Where a drop would place what, at which cost',
  description: 'Changes nothing. Drop with the `seed` of the answer to get these places.',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  body: DropOrder,
  answers: { 200: Preview },
  errors: [...writing, 'not_found', 'drop_refused'],
})

export const Drop = Shape({
  id: Uuid,
  campaignId: Uuid,
  state: Type.Enum(['filling', 'live', 'undoing', 'undone']),
  envelopes: Type.Integer(),
  placed: Type.Integer({ description: 'Made so far; nobody sees any before all are.' }),
  isOpened: Type.Boolean({ description: 'Players see every one of them.' }),
  cost: Balance,
  fault: Type.Optional(Type.String({ description: 'Why it is undone.' })),
  createdAt: Timestamp,
})

export const dropEnvelopes = operation({
  id: 'dropEnvelopes',
  method: 'POST',
  path: '/v1/campaigns/{id}/drop',
  tag,
  summary: 'Place envelopes, all or none',
  description:
    'Takes the cost from the budget, then makes the envelopes in the background; the drop goes live when the last one ' +
    'is there, and otherwise all are closed unseen and the cost returns. Poll the drop.',
  callers: ['merchant'],
  scope: 'campaigns',
  idempotencyKey: 'required',
  params: id,
  body: DropOrder,
  answers: { 202: Drop },
  errors: [
    ...writing,
    ...idempotencyErrors,
    'not_found',
    'campaign_state',
    'drop_refused',
    'insufficient_funds',
    'frozen',
  ],
})

export const getDrop = operation({
  id: 'getDrop',
  method: 'GET',
  path: '/v1/campaigns/{id}/drops/{dropId}',
  tag,
  summary: 'How far a drop is',
  callers: ['merchant'],
  scope: 'read',
  params: Shape({ id: Uuid, dropId: Uuid }),
  answers: { 200: Drop },
  errors: reading,
})

export const listCampaignEnvelopes = operation({
  id: 'listCampaignEnvelopes',
  method: 'GET',
  path: '/v1/campaigns/{id}/envelopes',
  tag,
  summary: 'Its envelopes, newest first',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  query: PageQuery,
  answers: { 200: Page(Envelope) },
  errors: reading,
})

export const ExclusionArea = Shape({ id: Uuid, name: Type.String(), area: Area, createdAt: Timestamp })

export const addExclusionArea = operation({
  id: 'addExclusionArea',
  method: 'POST',
  path: '/v1/operator/exclusion-areas',
  tag: 'operator',
  summary: 'Let nobody hide inside of an area',
  description: 'Homes, schools, rail, military. Holds for players and merchants; what hides there already stays.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({ name: Text(rules.nameChars), area: Area, reason: Text(limits.operator.reasonChars, 'For the log.') }),
  answers: { 201: ExclusionArea },
  errors: [...writing, ...idempotencyErrors, 'campaign_refused'],
})

export const listExclusionAreas = operation({
  id: 'listExclusionAreas',
  method: 'GET',
  path: '/v1/operator/exclusion-areas',
  tag: 'operator',
  summary: 'Where nobody hides, newest first',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(ExclusionArea) },
  errors: [...commonErrors, ...callerErrors],
})

export const removeExclusionArea = operation({
  id: 'removeExclusionArea',
  method: 'DELETE',
  path: '/v1/operator/exclusion-areas/{id}',
  tag: 'operator',
  summary: 'Lift an exclusion',
  callers: ['operator'],
  params: id,
  answers: { 200: ExclusionArea },
  errors: reading,
})

export const campaignOperations = [
  createCampaign,
  listCampaigns,
  getCampaign,
  editCampaign,
  launchCampaign,
  pauseCampaign,
  resumeCampaign,
  closeCampaign,
  previewDrop,
  dropEnvelopes,
  getDrop,
  listCampaignEnvelopes,
]
export const exclusionOperations = [addExclusionArea, listExclusionAreas, removeExclusionArea]
