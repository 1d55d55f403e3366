/** The fixed parts of the OpenAPI document: credentials and headers. */
import { deviceHeader, deviceIdPattern, deviceMeaning } from '../device.ts'
import { limits } from '../limits.ts'
import type { JsonObject } from './schema.ts'

export const securitySchemes: JsonObject = {
  playerToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "A player's token: from POST /v1/players in the sandbox, else from your identity provider.",
  },
  merchantKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'hbk_live_… or hbk_test_…',
    description:
      "A merchant's API key with the scope that the operation names: read, campaigns, finance, admin.",
  },
  operatorKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'hbo_…',
    description: "The operator's key.",
  },
}

export const idempotencyKey: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description:
    'Unique per request, the same when you retry: the answer is stored together with its effect and given again.',
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: limits.idempotency.keyChars,
    pattern: '^[\\x21-\\x7e]+$',
  },
  example: 'b3f1c9d2-hide-1',
}

export const device: JsonObject = {
  name: deviceHeader,
  in: 'header',
  required: false,
  description: deviceMeaning,
  schema: { type: 'string', pattern: deviceIdPattern },
  example: '3f2b8c1e-6f0a-4d52-9a43-0c9f5c0e7b11',
}

const signatureHeader = (name: string, description: string, example: string): JsonObject => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
  example,
})

/** Of the Standard Webhooks specification. */
export const signatureHeaders: JsonObject[] = [
  signatureHeader('webhook-id', 'Unique per message, the same when it is sent again.', 'msg_2KWPBgLlAfxd'),
  signatureHeader('webhook-timestamp', 'When it was sent, in seconds since 1970.', '1771300800'),
  signatureHeader(
    'webhook-signature',
    'One or more signatures, separated by blanks.',
    'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  ),
]

const text = (description: string, example: string): JsonObject => ({
  description,
  schema: { type: 'string' },
  example,
})

export const replyHeaders: JsonObject = {
  'RateLimit-Policy': text(
    'The budgets that hold for the caller.',
    `"default";q=${limits.http.perCredentialPerMinute};w=60`,
  ),
  RateLimit: text('What is left of them.', `"default";r=${limits.http.perCredentialPerMinute - 13};t=2`),
  'Retry-After': {
    description: 'Seconds to wait; `retryAfterMs` in the body is exact.',
    schema: { type: 'integer', minimum: 0 },
    example: 1,
  },
  'WWW-Authenticate': text('The scheme of the missing credential.', 'Bearer'),
}

export const lastEventId: JsonObject = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'The `id` of the last event that you have: it is not sent again.',
  schema: { type: 'string' },
  example: '5f0c7d1be2a94c33',
}

export const ifMatch: JsonObject = {
  name: 'If-Match',
  in: 'header',
  required: true,
  description: 'The ETag of the version that you read.',
  schema: { type: 'string' },
  example: '"1"',
}
