/** What the server sends to webhook endpoints: one description for each type of event. */
import { messageExamples } from '../examples/webhooks.ts'
import { messageOf, TestData, testEventType, webhookEvents } from '../rest/webhook-events.ts'
import { signatureHeaders } from './openapi-parts.ts'
import { type JsonObject, type Printer, toJson } from './schema.ts'

const described = {
  ...webhookEvents,
  [testEventType]: {
    owner: 'merchant or operator',
    meaning: 'Sent because you asked for it.',
    data: TestData,
  },
}

export const describeWebhooks = (printer: Printer): JsonObject =>
  Object.fromEntries(
    Object.entries(described).map(([type, { owner, meaning, data }]) => [
      type,
      {
        post: {
          tags: ['webhooks'],
          summary: meaning,
          description: `For endpoints of the ${owner}.`,
          parameters: signatureHeaders,
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: printer.print(messageOf(type, data)),
                example: toJson(messageExamples.get(type)),
              },
            },
          },
          responses: {
            '2XX': { description: 'Taken. Everything else is a failure, and 410 disables the endpoint.' },
          },
        },
      },
    ]),
  )
