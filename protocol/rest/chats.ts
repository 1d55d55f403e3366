/** The chat of a service request: between its poster and one accepted provider, while it is in the provider's hands. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const { chat } = limits
const id = Shape({ id: Uuid })
const tag = 'service requests'
const path = '/v1/service-requests/{id}/messages'
const players = ['player'] as const

export const ChatSide = Type.Enum(['poster', 'provider'])
export const ChatNo = Type.Integer({
  minimum: 1,
  maximum: chat.messages,
  description: 'Counts the messages of one chat from 1 on, without gaps.',
})
export const SeenNo = Type.Integer({ minimum: 0, maximum: chat.messages })

/** `clientId` is made by the client, one for each message: sent again with it, a message is the same message. */
export const MessageBody = Shape({
  clientId: Uuid,
  text: Text(chat.textChars, 'One line, for the other one alone.'),
})

export const ChatMessage = Shape({
  id: Uuid,
  serviceRequestId: Uuid,
  no: ChatNo,
  from: ChatSide,
  clientId: Type.Optional(Uuid),
  text: Type.String(),
  saidAt: Timestamp,
})
export type ChatMessage = Static<typeof ChatMessage>

export const ChatSeen = Shape(
  { poster: SeenNo, provider: SeenNo },
  { description: 'The last message that each of the two has read; 0 for none.' },
)

/** What a message may be refused for, over the socket, too. */
export const chatErrors = ['not_found', 'chat_closed', 'chat_refused'] as const

export const sendMessage = operation({
  id: 'sendMessage',
  method: 'POST',
  path,
  tag,
  summary: 'Say something to the other one',
  description:
    'From acceptance until the service request ends. `clientId` is your own name for the message: sent again with ' +
    'it, also when the chat has closed meanwhile, it is the same message. It comes as `chat.message` to every ' +
    `session of both; over the socket it is sent with \`chat.send\`. At most ${chat.perMinute} a minute.`,
  callers: players,
  params: id,
  body: MessageBody,
  answers: { 200: ChatMessage },
  errors: [...commonErrors, ...callerErrors, ...bodyErrors, ...chatErrors],
})

export const listMessages = operation({
  id: 'listMessages',
  method: 'GET',
  path,
  tag,
  summary: 'The chat of a service request, newest first',
  description:
    `Readable for both, and for ${chat.readableMs / 86_400_000} days after it was over. Each provider has a chat of ` +
    'their own with the poster, who names one of those before by `provider`, the pseudonym; without it, it is the ' +
    'latest.',
  callers: players,
  params: id,
  query: Shape({
    ...PageQuery.properties,
    provider: Type.Optional(Type.String({ pattern: '^[0-9a-zA-Z_-]{1,64}$' })),
  }),
  answers: {
    200: Shape({
      provider: Type.String({ description: 'The pseudonym of the one in it.' }),
      open: Type.Boolean({ description: 'Whether more can be said.' }),
      readableUntil: Type.Optional(Timestamp),
      seen: ChatSeen,
      ...Page(ChatMessage).properties,
    }),
  },
  errors: [...commonErrors, ...callerErrors, 'not_found', 'chat_closed'],
})

export const readMessages = operation({
  id: 'readMessages',
  method: 'POST',
  path: `${path}/read`,
  tag,
  summary: 'Tell how far you have read',
  description:
    'Of your latest chat for this service request. It only goes forward, and is told to both as `chat.seen`.',
  callers: players,
  params: id,
  body: Shape({ no: ChatNo }),
  answers: { 200: Shape({ serviceRequestId: Uuid, by: ChatSide, seen: ChatSeen }) },
  errors: [...commonErrors, ...callerErrors, ...bodyErrors, 'not_found', 'chat_closed'],
})

export const readChat = operation({
  id: 'readChat',
  method: 'GET',
  path: '/v1/operator/service-requests/{id}/messages',
  tag: 'operator',
  summary: 'The chat behind a dispute, newest first',
  description:
    'Only while the service request is disputed, and once it was settled; of the provider whom the dispute is with. ' +
    'Each page that is read is noted in the log of actions.',
  callers: ['operator'],
  params: id,
  query: PageQuery,
  answers: { 200: Page(ChatMessage) },
  errors: [...commonErrors, ...callerErrors, 'not_found', 'wrong_state'],
})
