/** The AsyncAPI document of the socket, seen from the server: it receives the client's frames and sends its own. */
import type { TSchema } from 'typebox'
import { deviceHeader, deviceMeaning } from '../device.ts'
import { errors } from '../errors.ts'
import { clientExamples, serverExamples } from '../examples/frames.ts'
import { clientFrames } from '../ws/client.ts'
import { closeMeanings, type Exchange, exchanges, pushedFrames, serverMeanings } from '../ws/exchanges.ts'
import { closeCodes, socketPath, subprotocol, tokenProtocolPrefix } from '../ws/frame.ts'
import { serverFrames } from '../ws/server.ts'
import { socketIntroduction } from './introduction.ts'
import { listLimits } from './limits.ts'
import { createPrinter, type JsonObject, type Printer, toJson } from './schema.ts'

const channelRef = { $ref: '#/channels/play' }
const messageRef = (type: string): JsonObject => ({ $ref: `#/channels/play/messages/${type}` })

export function describeSocket(version: string): JsonObject {
  const printer = createPrinter('draft-07')
  const messages = { ...describeClientFrames(printer), ...describeServerFrames(printer) }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'hexbao play',
      version,
      description: socketIntroduction,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { local: localServer },
    channels: { play: describeChannel(Object.keys(messages)) },
    operations: { ...describeExchanges(), push: describePush() },
    components: { schemas: printer.components(), messages, securitySchemes: { playerToken } },
    'x-errors': toJson(errors),
    'x-limits': listLimits(),
  }
}

const localServer: JsonObject = {
  host: 'localhost:8080',
  protocol: 'ws',
  description: 'A server on this machine; wss elsewhere.',
  security: [{ $ref: '#/components/securitySchemes/playerToken' }],
}

const playerToken: JsonObject = {
  type: 'httpApiKey',
  in: 'header',
  name: 'Sec-WebSocket-Protocol',
  description: `\`${subprotocol}, ${tokenProtocolPrefix}<token>\`; or the subprotocol, and the token in \`hello\`.`,
}

const describeChannel = (types: string[]): JsonObject => ({
  address: socketPath,
  title: 'Play',
  messages: Object.fromEntries(types.map(type => [type, { $ref: `#/components/messages/${type}` }])),
  bindings: {
    ws: {
      method: 'GET',
      headers: {
        type: 'object',
        required: ['Sec-WebSocket-Protocol'],
        properties: {
          'Sec-WebSocket-Protocol': {
            type: 'string',
            description: 'The subprotocol, and beside it the token.',
            examples: [`${subprotocol}, ${tokenProtocolPrefix}eyJhbGciOiJIUzI1NiJ9.…`],
          },
          [deviceHeader]: { type: 'string', description: `${deviceMeaning} Or \`device\` in hello.` },
          Origin: {
            type: 'string',
            description: 'Must be on the list of origins, where a browser sends it.',
          },
        },
      },
      bindingVersion: '0.1.0',
    },
  },
  'x-subprotocol': subprotocol,
  'x-close-codes': Object.fromEntries(
    Object.entries(closeCodes).map(([name, code]) => [
      code,
      { name, meaning: closeMeanings[name as keyof typeof closeCodes] },
    ]),
  ),
})

type Frame = { type: string; schema: TSchema; summary: string; correlation: 'id' | 'ref'; example: unknown }

const describeFrame = (frame: Frame, printer: Printer): JsonObject => ({
  name: frame.type,
  title: frame.type,
  summary: frame.summary,
  contentType: 'application/json',
  correlationId: { location: `$message.payload#/${frame.correlation}` },
  payload: printer.print(frame.schema),
  examples: [{ name: frame.type, payload: toJson(frame.example) }],
})

const describeClientFrames = (printer: Printer): JsonObject =>
  Object.fromEntries(
    keysOf(clientFrames).map(type => {
      const { summary } = exchanges[type]
      const schema: TSchema = clientFrames[type]
      const example = clientExamples[type]
      return [type, describeFrame({ type, schema, summary, correlation: 'id', example }, printer)]
    }),
  )

const describeServerFrames = (printer: Printer): JsonObject =>
  Object.fromEntries(
    keysOf(serverFrames).map(type => {
      const summary = serverMeanings[type]
      const schema: TSchema = serverFrames[type]
      const example = serverExamples[type]
      return [type, describeFrame({ type, schema, summary, correlation: 'ref', example }, printer)]
    }),
  )

/** One operation a client frame: it is received, and answered by one of its answers or an error. */
const describeExchanges = (): JsonObject =>
  Object.fromEntries(keysOf(exchanges).map(type => [type, describeExchange(type, exchanges[type])]))

const describeExchange = (type: string, { summary, answers, errors: codes }: Exchange): JsonObject => ({
  action: 'receive',
  channel: channelRef,
  summary,
  messages: [messageRef(type)],
  reply: { channel: channelRef, messages: [...answers, 'error'].map(messageRef) },
  'x-error-codes': [...codes],
})

const describePush = (): JsonObject => ({
  action: 'send',
  channel: channelRef,
  summary: 'What the server says of its own accord.',
  messages: pushedFrames.map(messageRef),
})

const keysOf = <T extends object>(record: T): (keyof T & string)[] =>
  Object.keys(record) as (keyof T & string)[]
