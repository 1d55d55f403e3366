/** On-site codes: what a till shows, for claims of envelopes with presence `code`. */
import { Type } from 'typebox'
import { callerErrors, commonErrors, operation } from '../operation.ts'
import { Shape, SiteCode, Timestamp, Uuid } from '../scalars.ts'

const id = Shape({ id: Uuid })
const errors = [...commonErrors, ...callerErrors, 'not_found'] as const

export const ShownCode = Shape({
  campaignId: Uuid,
  code: SiteCode,
  expiresAt: Timestamp,
  secondsLeft: Type.Integer({ minimum: 0, maximum: 30, description: 'Until the next code; ask again then.' }),
  payload: Type.String({ description: 'For a QR code: a URI with campaign and code.' }),
})

export const RotatedCode = Shape({ campaignId: Uuid, changesAt: Timestamp })

export const showCampaignCode = operation({
  id: 'showCampaignCode',
  method: 'GET',
  path: '/v1/campaigns/{id}/code',
  tag: 'campaigns',
  summary: 'The code for the till to show now',
  description:
    'Six digits by RFC 6238 (TOTP, HMAC-SHA-256, steps of 30 s). A claim may bring the code of this step, the one ' +
    'before or the next. A till needs a key with the scope `till`, which redeems coupons as well and does nothing ' +
    'else. 404 where no envelope asks for a code.',
  callers: ['merchant'],
  scope: 'till',
  params: id,
  answers: { 200: ShownCode },
  errors,
})

export const rotateCampaignCode = operation({
  id: 'rotateCampaignCode',
  method: 'POST',
  path: '/v1/campaigns/{id}/code/rotate',
  tag: 'campaigns',
  summary: 'Make codes from another secret',
  description:
    'For when codes leave the place. From `changesAt` on, 15 s later, only codes of the new secret count; tills show ' +
    'them by themselves. Repeating it makes another secret.',
  callers: ['merchant'],
  scope: 'campaigns',
  params: id,
  answers: { 200: RotatedCode },
  errors,
})
