/**
 * CSV as RFC 4180 has it and spreadsheets write it, read character by character as it comes: quotes with line breaks in
 * them, CRLF or LF, commas, semicolons or tabs. Memory holds one row, whatever the file does. Rows are counted as a
 * spreadsheet counts them: the header is 1, and an empty line is a row.
 */
import { limits } from '#protocol/limits.ts'
import type { FileReader, Sink } from './sink.ts'

const names = { lat: ['lat', 'latitude', '纬度'], lng: ['lng', 'lon', 'long', 'longitude', '经度'] }
const decimal = /^[+-]?(?:\d{1,3}(?:\.\d{0,20})?|\.\d{1,20})$/

type Header = { columns: number; lat: number; lng: number }

export function createCsvReader(sink: Sink): FileReader {
  let header: Header | undefined
  let isHopeless = false

  function takeRow(row: number, fields: readonly string[]): void {
    if (header === undefined) {
      header = readHeader(fields)
      isHopeless = header === undefined
    } else if (fields.length > 1 || fields[0]?.trim() !== '') readPoint(sink, header, { row, fields })
  }

  const isDone = () => isHopeless || sink.isFull()
  const splitter = createRowSplitter({
    takeRow,
    fault: (row, message) => {
      sink.fault(row, '', message)
      isHopeless = true
    },
    isDone,
  })
  return {
    push: splitter.push,
    isDone,
    end() {
      const isCut = splitter.end()
      if (sink.faults.length === 0 && header === undefined) return isCut ? 'file_cut' : 'columns'
      return isCut && !isHopeless ? 'file_cut' : undefined
    },
  }
}

function readHeader(fields: readonly string[]): Header | undefined {
  const find = (wanted: readonly string[]) =>
    fields.flatMap((field, i) => (wanted.includes(field.trim().toLowerCase()) ? [i] : []))
  const [lats, lngs] = [find(names.lat), find(names.lng)]
  const [[lat], [lng]] = [lats, lngs]
  if (lat === undefined || lng === undefined || lats.length + lngs.length > 2) return undefined
  return { columns: fields.length, lat, lng }
}

type Row = { row: number; fields: readonly string[] }

function readPoint(sink: Sink, header: Header, { row, fields }: Row): void {
  if (fields.length !== header.columns) {
    return sink.fault(row, '', `has ${fields.length} columns, and the header ${header.columns}`)
  }
  const lat = readDegrees(sink, fields[header.lat], { row, column: 'lat', most: 90 })
  const lng = readDegrees(sink, fields[header.lng], { row, column: 'lng', most: 180 })
  if (lat !== undefined && lng !== undefined) sink.take(row, { lat, lng })
}

function readDegrees(
  sink: Sink,
  field: string | undefined,
  { row, column, most }: { row: number; column: string; most: number },
): number | undefined {
  const text = (field ?? '').trim()
  const degrees = decimal.test(text) ? Number(text) : Number.NaN
  if (Math.abs(degrees) <= most) return degrees
  const message = text === '' ? 'is empty' : 'is not a number in decimal degrees'
  sink.fault(row, `/${column}`, Number.isNaN(degrees) ? message : `is not between -${most} and ${most}`)
  return undefined
}

type Splitting = {
  takeRow(row: number, fields: readonly string[]): void
  fault(row: number, message: string): void
  isDone(): boolean
}

/** Whatever separates most of the first line; names with separators in them are quoted. */
function findSeparator(line: string): string {
  const plain = line.replaceAll(/"[^"]*"/g, '')
  const counts = [',', ';', '\t'].map(separator => ({ separator, count: plain.split(separator).length }))
  return counts.toSorted((a, b) => b.count - a.count)[0]?.separator ?? ','
}

/** The first line decides what separates, so it is kept until it is whole. */
function createRowSplitter(splitting: Splitting) {
  const { isDone } = splitting
  let rows: ReturnType<typeof createRows> | undefined
  let head = ''

  function push(text: string): void {
    if (rows === undefined) {
      head += text
      if (!/[\r\n]/.test(head) && head.length <= limits.upload.rowChars) return
      rows = createRows(splitting, findSeparator(head.split(/[\r\n]/)[0] ?? ''))
      return push(head)
    }
    for (const char of text) {
      if (isDone()) return
      rows.read(char)
    }
  }

  return {
    push,
    /** Whether the file ends inside of a quote. */
    end(): boolean {
      if (rows === undefined) push('\n')
      return !isDone() && rows?.end() === true
    },
  }
}

type Place = 'start' | 'plain' | 'quoted' | 'behind_quote'

function createRows({ takeRow, fault }: Splitting, separator: string) {
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
      if (++chars > limits.upload.rowChars) {
        return fault(row, `is longer than ${limits.upload.rowChars} characters`)
      }
      if (place === 'quoted') {
        if (char === '"') place = 'behind_quote'
        else field += char
      } else if (place === 'behind_quote' && char === '"') {
        field += char
        place = 'quoted'
      } else if (char === separator) endField()
      else if (isBreak) endRow()
      else if (place === 'behind_quote') fault(row, 'goes on behind a closing quote')
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
