/**
 * A FeatureCollection as it comes (RFC 7946): its members, and the features one by one, are cut out by counting
 * brackets outside of strings, and each piece is parsed by itself. So memory holds one feature, and a file of any size
 * is read to where it breaks.
 */
import { limits } from '#protocol/limits.ts'
import type { FileReader, Sink } from './sink.ts'

/** Before the object, in it, in its list of features, behind it. */
type Place = 'before' | 'members' | 'features' | 'behind'

const openingList = /^\s*"features"\s*:\s*$/

export function createGeoJsonReader(sink: Sink): FileReader {
  let place: Place = 'before'
  let piece = ''
  let [depth, feature, members] = [0, 0, 0]
  let [inString, isEscaped] = [false, false]
  let [isCollection, hasFeatures, isBroken] = [false, false, false]

  function breakOff(): void {
    isBroken = true
  }

  function endMember(isLast: boolean): void {
    const text = piece
    piece = ''
    if (text.trim() === '') return isLast && members === 0 ? undefined : breakOff()
    members++
    const member = parse(`{${text}}`)
    if (member === undefined) return breakOff()
    if (Object.hasOwn(member, 'type')) isCollection = member.type === 'FeatureCollection'
  }

  function endFeature(isLast: boolean): void {
    const text = piece
    piece = ''
    if (text.trim() === '' && isLast && feature === 0) return
    readFeature(sink, feature++, text)
  }

  function add(char: string): void {
    piece += char
    if (piece.length <= limits.upload.rowChars) return
    if (place === 'features') sink.fault(feature, '', `is longer than ${limits.upload.rowChars} characters`)
    breakOff()
  }

  /** Of the object or of the list itself: what separates its pieces, or ends it. */
  function readEdge(char: string): boolean {
    if (place === 'members' && char === '[' && openingList.test(piece)) {
      if (hasFeatures) breakOff()
      ;[place, hasFeatures, piece] = ['features', true, '']
    } else if (place === 'features' && char === ']') {
      endFeature(true)
      // Whatever stands behind it makes that no member.
      ;[place, piece] = ['members', '"features":[]']
    } else if (place === 'members' && char === '}') {
      endMember(true)
      place = 'behind'
    } else if (char === ',') {
      if (place === 'features') endFeature(false)
      else endMember(false)
    } else return false
    return true
  }

  function readOutside(char: string): void {
    if (/\s/.test(char)) return
    if (place === 'before' && char === '{') place = 'members'
    else breakOff()
  }

  function read(char: string): void {
    if (place === 'before' || place === 'behind') return readOutside(char)
    if (inString) {
      if (isEscaped) isEscaped = false
      else if (char === '\\') isEscaped = true
      else if (char === '"') inString = false
      return add(char)
    }
    if (depth === 0 && readEdge(char)) return
    if (char === '"') inString = true
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    if (depth < 0) return breakOff()
    add(char)
  }

  const isDone = () => isBroken || sink.isFull()

  return {
    isDone,
    push(text) {
      for (const char of text) {
        if (isDone()) return
        read(char)
      }
    },
    end() {
      if (sink.isFull()) return undefined
      if (isBroken) return sink.faults.length > 0 ? undefined : 'not_geojson'
      if (place === 'members' || place === 'features') return 'file_cut'
      return isCollection && hasFeatures ? undefined : 'not_geojson'
    },
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function readFeature(sink: Sink, no: number, text: string): void {
  const feature = parse(text)
  if (feature === undefined) return sink.fault(no, '', 'is not a JSON object')
  if (feature.type !== 'Feature') return sink.fault(no, '/type', 'is not Feature')
  const { geometry } = feature
  if (!isObject(geometry) || geometry.type !== 'Point') return sink.fault(no, '/geometry', 'is not a Point')
  const position = geometry.coordinates
  const isPosition = Array.isArray(position) && (position.length === 2 || position.length === 3)
  if (!isPosition) return sink.fault(no, '/geometry/coordinates', 'is not longitude and latitude')
  const [lng, lat] = position as unknown[]
  const isLng = isDegrees(sink, lng, { no, at: 0, most: 180 })
  if (isDegrees(sink, lat, { no, at: 1, most: 90 }) && isLng)
    sink.take(no, { lat: lat as number, lng: lng as number })
}

function isDegrees(
  sink: Sink,
  value: unknown,
  { no, at, most }: { no: number; at: number; most: number },
): boolean {
  if (typeof value === 'number' && Math.abs(value) <= most) return true
  const message = typeof value === 'number' ? `is not between -${most} and ${most}` : 'is not a number'
  sink.fault(no, `/geometry/coordinates/${at}`, message)
  return false
}
