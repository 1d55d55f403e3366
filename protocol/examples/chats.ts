/** Examples of a chat: Lin tells Mei where the queue ends, and she answers. */
import { listMessages, readChat, readMessages, sendMessage } from '../rest/chats.ts'
import { exampleOf } from './example.ts'
import { provider, serviceRequestId } from './service-requests.ts'

const params = { id: serviceRequestId }
/** From Lin; the ids of messages are uuid v5 of who said them, in which chat, under which clientId. */
export const posterSaid = {
  ...{ id: '3d1c3d70-98cd-5f0e-8f29-86f2c2b9c1d4', serviceRequestId, no: 1, from: 'poster' as const },
  ...{ text: 'The queue ends at the bridge', saidAt: '2026-02-17T04:25:02.118Z' },
}
const providerSaid = {
  ...{ id: 'c87a4d0e-7cb2-5b39-a1a7-0f6a6d7f3b52', serviceRequestId, no: 2, from: 'provider' as const },
  ...{ text: 'I see it, two minutes', saidAt: '2026-02-17T04:25:40.870Z' },
}
/** As Mei herself sees it. */
export const message = { ...providerSaid, clientId: '5f0a8e1c-3b6d-4c1e-9a57-2d8c7e4b9f10' }
const seen = { poster: 2, provider: 2 }
const page = (self: string) => ({ numberReturned: 2, links: { self } })

export const chatExamples = [
  exampleOf(sendMessage, {
    params,
    body: { clientId: message.clientId, text: message.text },
    answers: { 200: message },
  }),
  exampleOf(listMessages, {
    params,
    answers: {
      200: {
        ...{ provider, open: true, seen, items: [message, posterSaid] },
        ...page(`/v1/service-requests/${serviceRequestId}/messages`),
      },
    },
  }),
  exampleOf(readMessages, {
    params,
    body: { no: 2 },
    answers: { 200: { serviceRequestId, by: 'provider', seen } },
  }),
  exampleOf(readChat, {
    params,
    answers: {
      200: {
        items: [providerSaid, posterSaid],
        ...page(`/v1/operator/service-requests/${serviceRequestId}/messages`),
      },
    },
  }),
]
