import * as fc from 'fast-check'
import t from 'tap'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import { parsePoint, parsePosition, wrapLng } from '../../src/geo/point.ts'

t.test('a point is canonical', async t => {
  t.same(parsePoint({ lat: 31.2304, lng: 121.4737 }), { lat: 31.2304, lng: 121.4737 })
  t.same(parsePoint({ lat: 90, lng: 180 }), { lat: 90, lng: -180 }, '180 is spelled -180')
  t.same(parsePosition([121.4737, 31.2304, 4]), { lat: 31.2304, lng: 121.4737 }, 'GeoJSON is longitude first')
  const zero = parsePoint({ lat: -0, lng: -0 })
  t.ok(zero && Object.is(zero.lat, 0) && Object.is(zero.lng, 0), 'no negative zero')
})

t.test('what is not a point is not repaired', async t => {
  const strange: unknown[] = [NaN, Infinity, -Infinity, '31', null, undefined, true, [31], {}, 31n]
  for (const value of strange) {
    t.equal(parsePoint({ lat: value, lng: 0 }), undefined)
    t.equal(parsePoint({ lat: 0, lng: value }), undefined)
  }
  for (const lat of [90.000_001, -90.000_001, 1e308]) t.equal(parsePoint({ lat, lng: 0 }), undefined)
  for (const lng of [180.000_001, -180.000_001, 540]) t.equal(parsePoint({ lat: 0, lng }), undefined)
  t.equal(parsePosition([]), undefined)
})

t.test('any two numbers are refused or canonical', async () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), (lat, lng) => {
      const point = parsePoint({ lat, lng })
      const isInRange = Math.abs(lat) <= 90 && Math.abs(lng) <= 180
      return isInRange ? point !== undefined && point.lng >= -180 && point.lng < 180 : point === undefined
    }),
    { numRuns: 2000 },
  )
})

t.test('a longitude wraps into the world', async t => {
  t.equal(wrapLng(180), -180)
  t.equal(wrapLng(181), -179)
  t.equal(wrapLng(-181), 179)
  t.equal(wrapLng(14.357659), 14.357659)
})

t.test('distances', async t => {
  const origin = { lat: 0, lng: 0 }
  t.equal(measureM(origin, origin), 0)
  t.ok(Math.abs(measureM(origin, { lat: 1, lng: 0 }) - 111_195.08) < 0.01, 'a degree of the mean sphere')
  t.ok(Math.abs(measureM(origin, { lat: 0, lng: -180 }) - Math.PI * 6_371_008.8) < 0.01, 'antipodes')
  t.ok(measureM({ lat: 10, lng: 179.9999 }, { lat: 10, lng: -179.9999 }) < 22, 'over the antimeridian')
  t.ok(measureM({ lat: 89.9999, lng: 0 }, { lat: 89.9999, lng: -180 }) < 23, 'over the pole')
})

t.test('a distance is symmetric to the last bit and agrees with travelling it', async () => {
  const somewhere = fc.record({
    lat: fc.double({ min: -89, max: 89, noNaN: true }),
    lng: fc.double({ min: -180, max: 179.999, noNaN: true }),
  })
  const bearing = fc.double({ min: 0, max: 360, noNaN: true })
  const length = fc.double({ min: 0.1, max: 5_000_000, noNaN: true })
  fc.assert(
    fc.property(somewhere, bearing, length, (start, bearingDeg, distanceM) => {
      const end = travelFrom(start, { bearingDeg, distanceM })
      const isThere = Math.abs(measureM(start, end) - distanceM) < 1e-3 + distanceM * 1e-6
      return isThere && measureM(start, end) === measureM(end, start)
    }),
  )
})
