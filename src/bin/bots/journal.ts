/**
 * What bots said and what came back, one JSON object a line, so that the same can be said again to another server.
 * Envelopes are named by their spot, players by their number: both are others when it is played again.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Static, type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { limits } from '#protocol/limits.ts'
import { Band, Fix, Latitude, Longitude } from '#protocol/scalars.ts'
import { ServerFault } from '../play/rest-client.ts'
import { UsageFault } from '../play/usage-fault.ts'

const Index = Type.Integer({ minimum: 0, maximum: 100_000 })
const head = { t: Type.Number({ minimum: 0 }), bot: Index }

/** The first line. */
export const Title = Type.Object({
  hexbao: Type.Literal('bots'),
  version: Type.Literal(1),
  bots: Type.Integer({ minimum: 1, maximum: 5_000 }),
  pace: Type.Integer({ minimum: 1, maximum: limits.sandbox.maxTimeScale }),
  spots: Type.Array(Type.Object({ lat: Latitude, lng: Longitude }), { minItems: 1, maxItems: 1_000 }),
})
export type Title = Static<typeof Title>

/** `t` is in milliseconds on the bots' clock; `got` is the server's word, {@link wordOf}. */
export const Entry = Type.Union([
  Type.Object({ ...head, do: Type.Literal('position'), fix: Fix, got: Type.String() }),
  Type.Object({ ...head, do: Type.Literal('claim'), spot: Index, fix: Fix, got: Type.String() }),
  Type.Object({ ...head, do: Type.Literal('sleep'), forMs: Type.Number({ minimum: 0 }) }),
  Type.Object({ ...head, do: Type.Literal('hear'), spot: Index, band: Band }),
])
export type Entry = Static<typeof Entry>

export type Journal = {
  note(entry: Entry): void
  /** Resolves once there is room for more, so that a slow disk slows the bots down and fills no memory. */
  room(): Promise<void>
  close(): Promise<void>
}

/** Throws a {@link UsageFault} where the file cannot be written. */
export async function openJournal(file: string, title: Title): Promise<Journal> {
  const stream = createWriteStream(file)
  let fault: Error | undefined
  let draining: Promise<unknown> | undefined
  try {
    await once(stream, 'open')
  } catch (error) {
    throw new UsageFault(`cannot write ${file}: ${(error as Error).message}`, { cause: error })
  }
  stream.on('error', error => (fault = error))
  const check = (): void => {
    if (fault !== undefined) throw new ServerFault(`cannot write ${file}: ${fault.message}`, { cause: fault })
  }
  const note = (line: object): void => void stream.write(`${JSON.stringify(line)}\n`)
  note(title)
  return {
    note,
    async room() {
      check()
      if (!stream.writableNeedDrain) return
      draining ??= once(stream, 'drain').finally(() => (draining = undefined))
      await draining
    },
    async close() {
      stream.end()
      await once(stream, 'close')
      check()
    },
  }
}

/** Reads it line by line. Throws a {@link UsageFault} that names the line. */
export async function readJournal(file: string): Promise<{ title: Title; entries: AsyncIterable<Entry> }> {
  const stream = createReadStream(file)
  try {
    await once(stream, 'open')
  } catch (error) {
    throw new UsageFault(`cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
  const first = await lines.next()
  const title = parse(Title, first.done === true ? '' : first.value, `${file}:1`)
  async function* listEntries(): AsyncGenerator<Entry> {
    let no = 2
    for (let next = await lines.next(); next.done !== true; next = await lines.next(), no++) {
      const entry = parse(Entry, next.value, `${file}:${no}`)
      const isKnown = entry.bot < title.bots && (!('spot' in entry) || entry.spot < title.spots.length)
      if (!isKnown) throw new UsageFault(`${file}:${no}: there is no such bot or spot`)
      yield entry
    }
  }
  return { title, entries: listEntries() }
}

function parse<T extends TSchema>(schema: T, line: string, where: string): Static<T> {
  let content: unknown
  try {
    content = JSON.parse(line)
  } catch {
    content = undefined
  }
  if (Check(schema, content)) return content
  throw new UsageFault(`${where} is no line of --record: ${line.slice(0, 80)}`)
}
