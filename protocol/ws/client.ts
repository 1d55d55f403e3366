/** Frames that a client sends on `GET /v1/play`, subprotocol `hexbao.v1`. */
import { type Static, Type } from 'typebox'
import { Device } from '../device.ts'
import { ClaimBody, fixOrTicket, RevealBody } from '../rest/claims.ts'
import { ChatNo, MessageBody } from '../rest/chats.ts'
import { ServiceRequestCategory } from '../rest/service-requests.ts'
import { Fix, Shape, Text, Uuid } from '../scalars.ts'

/** The client's own name for a frame; the answer carries it as `ref`. */
const FrameId = Type.String({ minLength: 1, maxLength: 64 })

export const Hello = Shape({
  type: Type.Literal('hello'),
  id: Type.Optional(FrameId),
  token: Type.Optional(Text(4_096, 'Where the token is not in Sec-WebSocket-Protocol.')),
  device: Type.Optional(Device),
  resume: Type.Optional(
    Shape(
      { sessionId: Uuid, seq: Type.Integer({ minimum: 1 }) },
      {
        description:
          'The session that went with its socket, and the last frame of it that came; needs `token`.',
      },
    ),
  ),
})

export const Position = Shape({ type: Type.Literal('position'), id: Type.Optional(FrameId), fix: Fix })

export const RevealFrame = Shape({
  type: Type.Literal('reveal'),
  id: Type.Optional(FrameId),
  envelopeId: Uuid,
  ...RevealBody.properties,
})

export const ClaimFrame = Shape(
  {
    type: Type.Literal('claim'),
    id: Type.Optional(FrameId),
    envelopeId: Uuid,
    ...ClaimBody.properties,
  },
  fixOrTicket,
)

/** On duty, or not, in all your sessions: what is near comes as `request.opened`, `request.changed`, `request.gone`. */
export const Watch = Shape({
  type: Type.Literal('watch'),
  id: Type.Optional(FrameId),
  serviceRequests: Type.Boolean(),
  category: Type.Optional(ServiceRequestCategory),
})

/** Says something in the chat of a service request that you posted or have in hand. */
export const ChatSend = Shape({
  type: Type.Literal('chat.send'),
  id: Type.Optional(FrameId),
  serviceRequestId: Uuid,
  ...MessageBody.properties,
})

/** Tells how far you have read. */
export const ChatRead = Shape({
  type: Type.Literal('chat.read'),
  id: Type.Optional(FrameId),
  serviceRequestId: Uuid,
  no: ChatNo,
})

export const Ping = Shape({ type: Type.Literal('ping'), id: Type.Optional(FrameId) })

export const clientFrames = {
  hello: Hello,
  position: Position,
  reveal: RevealFrame,
  claim: ClaimFrame,
  watch: Watch,
  'chat.send': ChatSend,
  'chat.read': ChatRead,
  ping: Ping,
} as const
export type ClientFrame = {
  [K in keyof typeof clientFrames]: Static<(typeof clientFrames)[K]>
}[keyof typeof clientFrames]
