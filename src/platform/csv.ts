/**
 * CSV as RFC 4180 has it and spreadsheets write it, read character by character as it comes: quotes with line breaks in
 * them, CRLF or LF, commas, semicolons or tabs. Memory holds one row, whatever the file does. Rows are counted as a
 * spreadsheet counts them: the first is 1, and an empty line is a row.
 */
import { readText, TextFault } from './text-file.ts'

export type CsvHandlers = {
  /** A longer row is a fault. */
  rowChars: number
  takeRow(row: number, fields: readonly string[]): void
  fault(row: number, reason: 'row_too_long' | 'behind_quote'): void
  /** Nothing more is to be read. */
  isDone(): boolean
}

export type CsvReader = {
  push(text: string): void
  /** Whether the file ends inside of a quote. */
  end(): boolean
}

/** Whatever separates most of the first line; names with separators in them are quoted. */
function findSeparator(line: string): string {
  const plain = line.replaceAll(/"[^"]*"/g, '')
  const counts = [',', ';', '\t'].map(separator => ({ separator, count: plain.split(separator).length }))
  return counts.toSorted((a, b) => b.count - a.count)[0]?.separator ?? ','
}

/** The first line decides what separates, so it is kept until it is whole. */
export function createCsvReader(handlers: CsvHandlers): CsvReader {
  const { isDone, rowChars } = handlers
  let rows: ReturnType<typeof createRows> | undefined
  let head = ''

  function push(text: string): void {
    if (rows === undefined) {
      head += text
      if (!/[\r\n]/.test(head) && head.length <= rowChars) return
      rows = createRows(handlers, findSeparator(head.split(/[\r\n]/)[0] ?? ''))
      return push(head)
    }
    for (const char of text) {
      if (isDone()) return
      rows.read(char)
    }
  }

  return {
    push,
    end() {
      if (rows === undefined) push('\n')
      return !isDone() && rows?.end() === true
    },
  }
}

type Place = 'start' | 'plain' | 'quoted' | 'behind_quote'

function createRows({ rowChars, takeRow, fault }: CsvHandlers, separator: string) {
  let [row, chars] = [1, 0]
  let fields: string[] = []
  let field = ''
  let place: Place = 'start'
  let isBehindReturn = false

  function endField(): void {
    fields.push(field)
    field = ''
    place = 'start'
  }

  function endRow(): void {
    endField()
    takeRow(row++, fields)
    fields = []
    chars = 0
  }

  return {
    read(char: string): void {
      const isBreak = char === '\n' || char === '\r'
      const isSecondOfTwo = char === '\n' && isBehindReturn
      isBehindReturn = char === '\r' && place !== 'quoted'
      if (isSecondOfTwo) return
      if (++chars > rowChars) return fault(row, 'row_too_long')
      if (place === 'quoted') {
        if (char === '"') place = 'behind_quote'
        else field += char
      } else if (place === 'behind_quote' && char === '"') {
        field += char
        place = 'quoted'
      } else if (char === separator) endField()
      else if (isBreak) endRow()
      else if (place === 'behind_quote') fault(row, 'behind_quote')
      else if (place === 'start' && char === '"') place = 'quoted'
      else {
        field += char
        place = 'plain'
      }
    },
    end(): boolean {
      if (place === 'quoted') return true
      if (chars > 0) endRow()
      return false
    },
  }
}

export type CsvRow = { row: number; fields: readonly string[] }

/** Why a file cannot be read any further, and in which row; what was yielded before stands. */
export class CsvFault extends Error {
  override name = 'CsvFault'
  readonly reason: TextFault['reason'] | 'row_too_long' | 'behind_quote' | 'quote_open'
  readonly row: number
  constructor(reason: CsvFault['reason'], row: number) {
    super(`row ${row}: ${reason}`)
    this.reason = reason
    this.row = row
  }
}

/**
 * The rows of a file that are not empty, as fast as they are asked for.
 * @throws {CsvFault} behind the last that can be read
 */
export async function* readCsv(
  pieces: AsyncIterable<Uint8Array>,
  { bytes, rowChars }: { bytes: number; rowChars: number },
): AsyncGenerator<CsvRow, void, undefined> {
  let read: CsvRow[] = []
  let last = 0
  let fault: CsvFault | undefined
  const reader = createCsvReader({
    rowChars,
    takeRow(row, fields) {
      last = row
      if (fields.length > 1 || fields[0] !== '') read.push({ row, fields })
    },
    fault: (row, reason) => (fault = new CsvFault(reason, row)),
    isDone: () => fault !== undefined,
  })
  function* handOn() {
    const rows = read
    read = []
    yield* rows
    if (fault !== undefined) throw fault
  }
  try {
    for await (const text of readText(pieces, bytes)) {
      reader.push(text)
      yield* handOn()
    }
  } catch (error) {
    throw error instanceof TextFault ? new CsvFault(error.reason, last + 1) : error
  }
  if (reader.end()) throw new CsvFault('quote_open', last + 1)
  yield* handOn()
}
