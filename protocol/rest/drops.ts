/** Drops: how a campaign's envelopes come onto the map, previewed and then made all or none. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Balance, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { Position } from './areas.ts'
import { Split } from './envelopes.ts'

const rules = limits.campaign
const id = Shape({ id: Uuid })
const reading = [...commonErrors, ...callerErrors, 'not_found'] as const
const writing = [...commonErrors, ...bodyErrors, ...callerErrors] as const
const tag = 'campaigns'

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
  Shape({ type: Type.Literal('uploaded'), uploadId: Uuid }, { description: 'At the points of an upload.' }),
])

export const DropOrder = Shape({
  strategy: Strategy,
  seed: Type.Optional(Text(64, 'The same seed gives the same places; without it, another one each time.')),
  spacingM: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000, description: 'Between any two of yours.' }),
  ),
  amountMinor: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,12}$',
      description: 'Of each envelope; of a campaign with coupons, none.',
    }),
  ),
  shares: Type.Integer({ minimum: 1, maximum: limits.envelope.merchantShares }),
  split: Type.Optional(Split),
  claimRadiusM: Type.Optional(
    Type.Integer({ minimum: limits.envelope.claimRadiusM.min, maximum: limits.envelope.claimRadiusM.max }),
  ),
})
export type DropOrder = Static<typeof DropOrder>

export const Warning = Shape({
  code: Type.Enum([
    ...(['cells_without_room', 'spacing_impossible', 'radius_below_accuracy'] as const),
    ...(['budget_exceeded', 'coupons_short'] as const),
  ]),
  detail: Type.String(),
})

export const Preview = Shape({
  seed: Type.String({ description: 'Drop with it, and the places are these.' }),
  envelopes: Type.Integer(),
  cost: Balance,
  coupons: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Taken out of the pool; the cost is 0 then.' }),
  ),
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
  coupons: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Taken out of the pool; the cost is 0 then.' }),
  ),
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
    'Takes the cost from the budget, then makes the envelopes in the background; it goes live when the last one ' +
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
