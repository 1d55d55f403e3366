/** Merchants and their keys, and how the operator makes and pays them. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { scopes } from '../operation.ts'
import { Amount, Balance, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { Area } from './areas.ts'

export const KeyScopes = Type.Array(Type.Enum([...scopes]), {
  minItems: 1,
  maxItems: scopes.length,
  uniqueItems: true,
})

export const Merchant = Shape({
  id: Uuid,
  name: Type.String(),
  area: Type.Optional(Area),
  createdAt: Timestamp,
})

export const ApiKey = Shape({
  id: Uuid,
  prefix: Type.String({ description: 'The first characters, to tell keys apart.' }),
  scopes: KeyScopes,
  createdAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
  revokedAt: Type.Optional(Timestamp),
})

export const NewKey = Shape({
  apiKey: ApiKey,
  secret: Type.String({ description: 'Shown this once; only its hash is stored.' }),
})

export const getMerchant = operation({
  id: 'getMerchant',
  method: 'GET',
  path: '/v1/merchant',
  tag: 'merchants',
  summary: 'The merchant behind the key',
  callers: ['merchant'],
  scope: 'read',
  answers: { 200: Merchant },
  errors: [...commonErrors, ...callerErrors],
})

export const createApiKey = operation({
  id: 'createApiKey',
  method: 'POST',
  path: '/v1/api-keys',
  tag: 'merchants',
  summary: 'Make a second key, for rotation',
  callers: ['merchant'],
  scope: 'admin',
  idempotencyKey: 'refused',
  body: Shape({ scopes: KeyScopes }),
  answers: { 201: NewKey },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'key_limit'],
})

export const listApiKeys = operation({
  id: 'listApiKeys',
  method: 'GET',
  path: '/v1/api-keys',
  tag: 'merchants',
  summary: 'Keys, newest first',
  callers: ['merchant'],
  scope: 'admin',
  answers: { 200: Shape({ items: Type.Array(ApiKey) }) },
  errors: [...commonErrors, ...callerErrors],
})

export const revokeApiKey = operation({
  id: 'revokeApiKey',
  method: 'DELETE',
  path: '/v1/api-keys/{id}',
  tag: 'merchants',
  summary: 'Revoke a key; it is dead within 5 s everywhere',
  description: 'Its own key as well: whoever has no key for `admin` left gets one from the operator.',
  callers: ['merchant'],
  scope: 'admin',
  params: Shape({ id: Uuid }),
  answers: { 200: ApiKey },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const MerchantAction = Shape({
  id: Uuid,
  actor: Type.Enum(['key', 'operator']),
  keyId: Type.Optional(Uuid),
  operation: Type.String({ description: 'The operationId of what was asked.' }),
  target: Type.Record(Type.String(), Type.Unknown(), {
    description: 'The ids of the path, and that of what was made.',
  }),
  at: Timestamp,
})

export const listMerchantActions = operation({
  id: 'listMerchantActions',
  method: 'GET',
  path: '/v1/merchant/actions',
  tag: 'merchants',
  summary: 'What your keys changed, and the operator of you, newest first',
  description:
    'Every request that was accepted and wrote something, with the key that sent it; written in the transaction of ' +
    'the change, and never altered. A repeated `Idempotency-Key` changes nothing, and is not here.',
  callers: ['merchant'],
  scope: 'admin',
  query: PageQuery,
  answers: { 200: Page(MerchantAction) },
  errors: [...commonErrors, ...callerErrors],
})

export const createMerchant = operation({
  id: 'createMerchant',
  method: 'POST',
  path: '/v1/operator/merchants',
  tag: 'operator',
  summary: 'Make a merchant and its first key',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({
    name: Text(limits.merchant.nameChars),
    area: Type.Optional(Area),
  }),
  answers: { 201: Shape({ merchant: Merchant, apiKey: ApiKey, secret: Type.String() }) },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, ...idempotencyErrors, 'merchant_refused'],
})

export const deposit = operation({
  id: 'deposit',
  method: 'POST',
  path: '/v1/operator/deposits',
  tag: 'operator',
  summary: 'Credit money that arrived outside to a wallet',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({
    owner: Type.Union([Shape({ playerId: Uuid }), Shape({ merchantId: Uuid })]),
    amount: Amount,
    reference: Text(120, "The bank's or provider's reference; each is booked once."),
  }),
  answers: { 201: Shape({ transferId: Uuid, balance: Balance }) },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...callerErrors,
    ...idempotencyErrors,
    'not_found',
    'deposit_refused',
  ],
})

export const getChainHead = operation({
  id: 'getChainHead',
  method: 'GET',
  path: '/v1/operator/chain-head',
  tag: 'operator',
  summary: 'The last link of the audit chain, to be noted elsewhere',
  description:
    'Every transfer is linked within seconds. `npm run verify-chain -- --head SEQUENCE:HASH` proves later that ' +
    'nothing up to a noted head was rewritten.',
  callers: ['operator'],
  answers: {
    200: Shape({
      sequence: Type.Integer({ minimum: 0, description: '0 before the first transfer.' }),
      hash: Type.String({ description: '32 bytes, hex.' }),
      waiting: Type.Integer({ minimum: 0, description: 'Transfers that are not linked yet.' }),
    }),
  },
  errors: [...commonErrors, ...callerErrors],
})
