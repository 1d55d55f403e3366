/** CSV with a header, in which two columns are named for latitude and longitude; others are not looked at. */
import { limits } from '#protocol/limits.ts'
import { createCsvReader } from '#platform/csv.ts'
import type { FileReader, Sink } from './sink.ts'

const names = { lat: ['lat', 'latitude', '纬度'], lng: ['lng', 'lon', 'long', 'longitude', '经度'] }
const decimal = /^[+-]?(?:\d{1,3}(?:\.\d{0,20})?|\.\d{1,20})$/

type Header = { columns: number; lat: number; lng: number }

const faults = {
  row_too_long: `is longer than ${limits.upload.rowChars} characters`,
  behind_quote: 'goes on behind a closing quote',
}

export function createPointsReader(sink: Sink): FileReader {
  let header: Header | undefined
  let isHopeless = false

  function takeRow(row: number, fields: readonly string[]): void {
    if (header === undefined) {
      header = readHeader(fields)
      isHopeless = header === undefined
    } else if (fields.length > 1 || fields[0]?.trim() !== '') readPoint(sink, header, { row, fields })
  }

  const isDone = () => isHopeless || sink.isFull()
  const reader = createCsvReader({
    rowChars: limits.upload.rowChars,
    takeRow,
    fault(row, reason) {
      sink.fault(row, '', faults[reason])
      isHopeless = true
    },
    isDone,
  })
  return {
    push: reader.push,
    isDone,
    end() {
      const isCut = reader.end()
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
