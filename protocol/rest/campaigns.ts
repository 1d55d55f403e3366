/** Campaigns: a merchant's plan of many envelopes, and how all of it is launched, stopped and ended. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Amount, Balance, Page, PageQuery, Presence, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { Area } from './areas.ts'
import { rotateCampaignCode, showCampaignCode } from './codes.ts'
import { dropEnvelopes, getDrop, previewDrop } from './drops.ts'
import { Envelope } from './envelopes.ts'
import { uploadPoints } from './uploads.ts'

const rules = limits.campaign

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
  content: Type.Optional(
    Type.Union([
      Shape({ type: Type.Literal('cash') }),
      Shape({ type: Type.Literal('coupon'), poolId: Uuid }),
    ]),
  ),
  budget: Type.Optional(Amount),
  schedule: Schedule,
  winsPerPlayer: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10_000, description: 'The most that one player wins in it.' }),
  ),
  presence: Type.Optional(Presence),
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
    'A draft: nothing is paid and nothing is seen. The area lies in the one that the operator verified; in the ' +
    'sandbox anywhere. `content` is money, which is a `budget`, unless it names a pool of coupons.',
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
  description:
    'What is left out stays. `If-Match` names the version that you saw; if it is another by now, 412.',
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
  errors: [
    ...reading,
    ...idempotencyErrors,
    'campaign_refused',
    'campaign_state',
    'insufficient_funds',
    'frozen',
  ],
})

export const topUpCampaign = operation({
  id: 'topUpCampaign',
  method: 'POST',
  path: '/v1/campaigns/{id}/top-ups',
  tag,
  summary: 'Add to the budget of a launched campaign',
  description:
    'Out of the wallet, into escrow, for drops to come: envelopes that are there keep what they hold.',
  callers: ['merchant'],
  scope: 'finance',
  idempotencyKey: 'required',
  versioned: true,
  params: id,
  body: Shape({ amountMinor: Amount.properties.amountMinor }),
  answers: { 200: Campaign },
  errors: [
    ...writing,
    ...idempotencyErrors,
    'not_found',
    'campaign_refused',
    'campaign_state',
    'insufficient_funds',
    'frozen',
  ],
})

const CampaignExtension = Shape({ endsAt: Timestamp })
export type CampaignExtension = Static<typeof CampaignExtension>

export const extendCampaign = operation({
  id: 'extendCampaign',
  method: 'POST',
  path: '/v1/campaigns/{id}/extend',
  tag,
  summary: 'End a launched campaign later',
  description:
    'Its envelopes follow within seconds, so not in the last minute. `If-Match` names the version that you saw; if ' +
    'it is another by now, 412.',
  callers: ['merchant'],
  scope: 'campaigns',
  ifMatch: 'required',
  versioned: true,
  params: id,
  body: CampaignExtension,
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
  ...moving(
    'pause',
    'Stop its payouts',
    'Claims answer 503 `frozen`; what is reserved waits. Repeating is safe.',
  ),
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

export const campaignOperations = [
  createCampaign,
  listCampaigns,
  getCampaign,
  editCampaign,
  launchCampaign,
  topUpCampaign,
  extendCampaign,
  pauseCampaign,
  resumeCampaign,
  closeCampaign,
  uploadPoints,
  previewDrop,
  dropEnvelopes,
  getDrop,
  listCampaignEnvelopes,
  showCampaignCode,
  rotateCampaignCode,
]
