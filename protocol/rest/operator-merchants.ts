/** What the operator does with merchants once they are there: verifies where they hide, replaces their keys. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Uuid } from '../scalars.ts'
import { Area } from './areas.ts'
import { Merchant, NewKey } from './merchants.ts'

const Reason = Text(limits.operator.reasonChars, 'For the log.')

export const listMerchants = operation({
  id: 'listMerchants',
  method: 'GET',
  path: '/v1/operator/merchants',
  tag: 'operator',
  summary: 'Merchants, newest first',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(Merchant) },
  errors: [...commonErrors, ...callerErrors],
})

export const setMerchantArea = operation({
  id: 'setMerchantArea',
  method: 'PATCH',
  path: '/v1/operator/merchants/{id}',
  tag: 'operator',
  summary: 'Verify where a merchant may hide',
  description:
    'For what is hidden, planned and launched from then on; `null` takes the area away. What hides there already ' +
    'stays. In the sandbox merchants hide anywhere.',
  callers: ['operator'],
  params: Shape({ id: Uuid }),
  body: Shape({ area: Type.Union([Area, Type.Null()]), reason: Reason }),
  answers: { 200: Merchant },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'not_found', 'merchant_refused'],
})

export const replaceApiKeys = operation({
  id: 'replaceApiKeys',
  method: 'POST',
  path: '/v1/operator/merchants/{id}/api-keys',
  tag: 'operator',
  summary: "Revoke all of a merchant's keys and make a new one, for everything",
  description: 'Where keys were lost or leaked. Asked again, it replaces the new one as well.',
  callers: ['operator'],
  idempotencyKey: 'refused',
  params: Shape({ id: Uuid }),
  body: Shape({ reason: Reason }),
  answers: { 201: NewKey },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'not_found'],
})

export const merchantCareOperations = [listMerchants, setMerchantArea, replaceApiKeys]
