/**
 * A FeatureCollection as it comes (RFC 7946): its members, and the features one by one, are cut out by counting
 * brackets outside of strings, and each piece is parsed by itself. So memory holds one feature, and a file of any size
 * is read to where it breaks.
 */
import { limits } from '#protocol/limits.ts'
import type { FileReader, Sink } from './sink.ts'

export function createGeoJsonReader(sink: Sink): FileReader {
  let [features, members] = [0, 0]
  let isCollection = false

  const cutter = createCutter({
    /** Whether it is a member. */
    takeMember(text, isLast) {
      if (text.trim() === '') return isLast && members === 0
      members++
      const member = parse(`{${text}}`)
      if (member && Object.hasOwn(member, 'type')) isCollection = member.type === 'FeatureCollection'
      return member !== undefined
    },
    takeFeature(text, isLast) {
      if (text.trim() !== '' || !isLast || features > 0) readFeature(sink, features++, text)
    },
    takeTooLong: () => sink.fault(features, '', `is longer than ${limits.upload.rowChars} characters`),
  })
  const isDone = () => cutter.isBroken() || sink.isFull()

  return {
    isDone,
    push(text) {
      for (const char of text) {
        if (isDone()) return
        cutter.read(char)
      }
    },
    end() {
      if (sink.isFull()) return undefined
      if (cutter.isBroken()) return sink.faults.length > 0 ? undefined : 'not_geojson'
      if (cutter.isInside()) return 'file_cut'
      return isCollection && cutter.hasFeatures() ? undefined : 'not_geojson'
    },
  }
}

type Taking = {
  takeMember(text: string, isLast: boolean): boolean
  takeFeature(text: string, isLast: boolean): void
  takeTooLong(): void
}

/** Before the object, in it, in its list of features, behind it. */
type Place = 'before' | 'members' | 'features' | 'behind'

const openingList = /^\s*"features"\s*:\s*$/

function createCutter({ takeMember, takeFeature, takeTooLong }: Taking) {
  let place: Place = 'before'
  let piece = ''
  let depth = 0
  let [inString, isEscaped, hasFeatures, isBroken] = [false, false, false, false]

  function take(next: Place, isLast: boolean): void {
    const text = piece
    piece = ''
    if (place === 'features') takeFeature(text, isLast)
    else if (!takeMember(text, isLast)) isBroken = true
    place = next
  }

  function add(char: string): void {
    piece += char
    if (piece.length <= limits.upload.rowChars) return
    if (place === 'features') takeTooLong()
    isBroken = true
  }

  /** Of the object or of the list itself: what separates its pieces, or ends it. */
  function readEdge(char: string): boolean {
    if (char === ',') take(place, false)
    else if (place === 'members' && char === '}') take('behind', true)
    else if (place === 'features' && char === ']') {
      take('members', true)
      // Whatever stands behind it makes that no member.
      piece = '"features":[]'
    } else if (place === 'members' && char === '[' && openingList.test(piece)) {
      if (hasFeatures) isBroken = true
      ;[place, hasFeatures, piece] = ['features', true, '']
    } else return false
    return true
  }

  function readOutside(char: string): void {
    if (/\s/.test(char)) return
    if (place === 'before' && char === '{') place = 'members'
    else isBroken = true
  }

  function readString(char: string): void {
    if (isEscaped) isEscaped = false
    else if (char === '\\') isEscaped = true
    else if (char === '"') inString = false
    add(char)
  }

  return {
    read(char: string): void {
      if (place === 'before' || place === 'behind') return readOutside(char)
      if (inString) return readString(char)
      if (depth === 0 && readEdge(char)) return
      if (char === '"') inString = true
      else if (char === '{' || char === '[') depth++
      else if (char === '}' || char === ']') depth--
      if (depth < 0) isBroken = true
      else add(char)
    },
    isBroken: () => isBroken,
    isInside: () => place === 'members' || place === 'features',
    hasFeatures: () => hasFeatures,
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
