/**
 * Reads CSV by RFC 4180 as it arrives, a row at a time: in UTF-8, quoted or not, whatever ends the lines. What is not
 * read yet stays with the client, and no field grows beyond what its reader wants.
 */
export type CsvRow = {
  /** The line that it begins on, from 1. */
  line: number
  fields: string[]
}

/** Why the text cannot be read any further; what was yielded before stands. */
export class CsvFault extends Error {
  override name = 'CsvFault'
  readonly reason: 'too_large' | 'not_utf8' | 'line_too_long' | 'quote_open'
  readonly line: number
  constructor(reason: CsvFault['reason'], line: number) {
    super(`line ${line}: ${reason}`)
    this.reason = reason
    this.line = line
  }
}

export type CsvLimits = { bytes: number; rowChars: number }

/** Blank lines are no rows. */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  { bytes: mostBytes, rowChars }: CsvLimits,
): AsyncGenerator<CsvRow, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parser = createParser(rowChars)
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch {
      throw new CsvFault('not_utf8', parser.line())
    }
  }
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) throw new CsvFault('too_large', parser.line())
    yield* parser.read(decode(chunk))
  }
  yield* parser.read(decode())
  yield* parser.end()
}

/** Where the reader is: outside of a field's quotes, within them, or behind a quote that may end them or be doubled. */
type Place = 'plain' | 'quoted' | 'behind_quote'

function createParser(rowChars: number) {
  let place: Place = 'plain'
  let line = 1
  let field = ''
  let row: CsvRow = { line, fields: [] }
  let chars = 0
  let isAfterReturn = false

  function* endRow() {
    row.fields.push(field)
    if (row.fields.length > 1 || field !== '') yield row
    field = ''
    chars = 0
    place = 'plain'
  }

  function* take(character: string) {
    const isSecondOfBreak = isAfterReturn && character === '\n'
    isAfterReturn = character === '\r'
    if (place === 'quoted') {
      if (character === '"') place = 'behind_quote'
      else field += character
      if (character === '\n') line++
      return
    }
    if (character === '\n' || character === '\r') {
      if (isSecondOfBreak) return
      yield* endRow()
      line++
      row = { line, fields: [] }
      return
    }
    if (character === ',') {
      row.fields.push(field)
      field = ''
      place = 'plain'
    } else if (character === '"' && (place === 'behind_quote' || field === '')) {
      // Doubled within quotes it is one; at the beginning it opens them.
      if (place === 'behind_quote') field += character
      place = 'quoted'
    } else field += character
  }

  return {
    line: () => line,
    *read(text: string) {
      for (const character of text) {
        chars += 1
        yield* take(character)
        if (chars > rowChars) throw new CsvFault('line_too_long', row.line)
      }
    },
    *end() {
      if (place === 'quoted') throw new CsvFault('quote_open', row.line)
      if (chars > 0) yield* endRow()
    },
  }
}
