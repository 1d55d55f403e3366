/** Structured logs on standard error: standard output stays free for banners. Positions and secrets never appear. */
import { type DestinationStream, destination, type Logger, pino } from 'pino'

const hidden = [
  'lat',
  'lng',
  'coordinates',
  'fix',
  'place',
  'anchor',
  'ticket',
  'token',
  'secret',
  'passphrase',
  'authorization',
  'body',
] as const

/** Each hidden name at the top and two levels down: deeper objects are not logged by rule. */
export const redactedPaths = hidden.flatMap(name => [name, `*.${name}`, `*.*.${name}`, `req.headers.${name}`])

/** Where others quote what they were sent: PostgreSQL the row that it refuses, with every text in it. */
const quotingPaths = ['req.headers["sec-websocket-protocol"]', 'err.detail']

export const createLogger = (
  level: string,
  stream: DestinationStream = destination({ dest: 2, sync: false }),
): Logger =>
  pino(
    {
      level,
      redact: { paths: [...redactedPaths, ...quotingPaths], censor: '[hidden]' },
    },
    stream,
  )
