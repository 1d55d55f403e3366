/** A walk as a recorder wrote it: CSV of `at,lat,lng`, WGS-84 degrees, oldest first. */
import { readFileSync } from 'node:fs'
import { parsePoint, type Point } from '../../geo/point.ts'
import { UsageFault } from './usage-fault.ts'

export type Fix = Point & { atMs: number }

/** What an at least plausible RFC 3339 time looks like; `Date.parse` takes much more than that. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
const NUMBER = /^[+-]?\d+(\.\d+)?$/

/** Further columns are ignored. Throws a {@link UsageFault} that names the line. */
export function readFixes(text: string): Fix[] {
  const [head = '', ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const names = head.split(',').map(name => name.trim())
  const columns = { at: names.indexOf('at'), lat: names.indexOf('lat'), lng: names.indexOf('lng') }
  if (Object.values(columns).includes(-1)) throw new UsageFault('the first line has to be at,lat,lng')

  const fixes: Fix[] = []
  lines.forEach((line, index) => {
    if (line.trim() === '') return
    const values = line.split(',').map(value => value.trim())
    const fix = readFix({ at: values[columns.at], lat: values[columns.lat], lng: values[columns.lng] })
    const isOlder = typeof fix !== 'string' && fix.atMs < (fixes.at(-1)?.atMs ?? -Infinity)
    const fault = typeof fix === 'string' ? fix : isOlder ? 'is older than the line before' : undefined
    if (fault !== undefined) throw new UsageFault(`line ${index + 2}: ${fault}`)
    if (typeof fix !== 'string') fixes.push(fix)
  })
  if (fixes.length === 0) throw new UsageFault('there is no fix in the walk')
  return fixes
}

type Values = { at: string | undefined; lat: string | undefined; lng: string | undefined }

function readFix({ at = '', lat = '', lng = '' }: Values): Fix | string {
  const atMs = TIME.test(at) ? Date.parse(at) : Number.NaN
  if (Number.isNaN(atMs)) return `${at || 'nothing'} is not a time like 2026-05-01T09:00:00Z`
  if (!NUMBER.test(lat) || !NUMBER.test(lng)) return `${lat},${lng} are not two numbers`
  const point = parsePoint({ lat: Number(lat), lng: Number(lng) })
  return point === undefined ? `${lat},${lng} is not on Earth` : { ...point, atMs }
}

/** Past all built-in places, on foot. */
export const readBuiltInWalk = (): Fix[] =>
  readFixes(readFileSync(new URL('../data/walk.csv', import.meta.url), 'utf8'))
