/** Where a sandbox keeps webhooks that it sends to itself, to try them with. */
import { Type } from 'typebox'
import { callerErrors, commonErrors, operation } from '../operation.ts'
import { Shape, Timestamp, Uuid } from '../scalars.ts'

const errors = [...commonErrors, ...callerErrors] as const
const head = { tag: 'webhooks', callers: ['merchant', 'operator'] } as const

export const createWebhookInbox = operation({
  ...head,
  id: 'createWebhookInbox',
  method: 'POST',
  path: '/v1/webhook-inboxes',
  summary: 'A URL on this server that keeps what arrives, to try webhooks with',
  scope: 'admin',
  sandboxOnly: true,
  idempotencyKey: 'refused',
  answers: {
    201: Shape({ id: Uuid, path: Type.String({ description: "Behind the server's address: the URL." }) }),
  },
  errors,
})

export const getWebhookInbox = operation({
  ...head,
  id: 'getWebhookInbox',
  method: 'GET',
  path: '/v1/webhook-inboxes/{id}',
  summary: 'What arrived, newest first',
  scope: 'read',
  sandboxOnly: true,
  params: Shape({ id: Uuid }),
  answers: {
    200: Shape({
      messages: Type.Array(
        Shape({
          webhookId: Type.String(),
          receivedAt: Timestamp,
          isGenuine: Type.Boolean({
            description: 'It bears a signature by a secret of an endpoint of yours with this URL.',
          }),
          body: Type.String(),
        }),
      ),
    }),
  },
  errors: [...errors, 'not_found'],
})

/** In the order of the documents. */
export const webhookInboxOperations = [createWebhookInbox, getWebhookInbox] as const
