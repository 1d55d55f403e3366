import * as fc from 'fast-check'
import t from 'tap'
import { type Crs, fromWgs84, toWgs84 } from '../../src/geo/datum.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import { findMisreading } from '../../src/geo/misread.ts'

/**
 * Published pairs: the test suites of googollee/eviltransform (go/transform_test.go) and
 * wandergis/coordtransform (test/app.js).
 */
const GCJ02_PAIRS = [
  {
    from: 'eviltransform, Shanghai',
    wgs: [31.1774276, 121.5272106],
    gcj: [31.17530398364597, 121.531541859215],
  },
  {
    from: 'eviltransform, Shenzhen',
    wgs: [22.543847, 113.912316],
    gcj: [22.540796131694766, 113.9171764808363],
  },
  {
    from: 'eviltransform, Beijing',
    wgs: [39.911954, 116.377817],
    gcj: [39.91334545536069, 116.38404722455657],
  },
  { from: 'coordtransform, Beijing', wgs: [39.915, 116.404], gcj: [39.91640428150164, 116.41024449916938] },
] as const

t.test('published pairs, WGS-84 and GCJ-02', async t => {
  for (const { from, wgs, gcj } of GCJ02_PAIRS) {
    const [wgsPoint, gcjPoint] = [
      { lat: wgs[0], lng: wgs[1] },
      { lat: gcj[0], lng: gcj[1] },
    ]
    t.ok(measureM(fromWgs84(wgsPoint, 'gcj02'), gcjPoint) < 1e-3, `${from}, there`)
    t.ok(measureM(toWgs84(gcjPoint, 'gcj02'), wgsPoint) < 1e-3, `${from}, back`)
  }
})

t.test('published pair, GCJ-02 and BD-09 (coordtransform)', async t => {
  const gcj = { lat: 39.915, lng: 116.404 }
  const bd = { lat: 39.92133699351021, lng: 116.41036949371029 }
  t.ok(measureM(fromWgs84(toWgs84(gcj, 'gcj02'), 'bd09'), bd) < 1e-3)
  t.ok(measureM(toWgs84(bd, 'bd09'), toWgs84(gcj, 'gcj02')) < 1e-3)
})

const inChina = fc.record({
  lat: fc.double({ min: 3, max: 53.5, noNaN: true }),
  lng: fc.double({ min: 74, max: 135, noNaN: true }),
})

t.test('a round trip returns to within 1e-6 degrees', async () => {
  fc.assert(
    fc.property(inChina, fc.constantFrom<Crs>('wgs84', 'gcj02', 'bd09'), (point, crs) => {
      const returned = toWgs84(fromWgs84(point, crs), crs)
      return Math.abs(returned.lat - point.lat) < 1e-6 && Math.abs(returned.lng - point.lng) < 1e-6
    }),
    { numRuns: 3000 },
  )
})

t.test('the shift is farther than a claim reaches', async () => {
  fc.assert(fc.property(inChina, point => measureM(fromWgs84(point, 'bd09'), point) > 120))
})

t.test('outside the box around China the three systems are one', async t => {
  for (const place of [
    { lat: 45.772175, lng: 14.357659 },
    { lat: 0, lng: 105 },
    { lat: 35, lng: -180 },
    { lat: -90, lng: 0 },
  ]) {
    for (const crs of ['gcj02', 'bd09'] as const) {
      t.same(toWgs84(place, crs), place)
      t.same(fromWgs84(place, crs), place)
    }
  }
})

/** Where people play, off the edge of the box. */
const evenly = (min: number, max: number) =>
  fc.integer({ min: 0, max: 1_000_000 }).map(part => min + ((max - min) * part) / 1_000_000)
const inTown = fc.record({ lat: evenly(20, 50), lng: evenly(80, 130) })
const step = fc.record({ bearingDeg: evenly(0, 360), distanceM: evenly(0, 20) })

t.test('a pin in another datum than it says is told by where its sender stands', async t => {
  const datums = ['wgs84', 'gcj02', 'bd09'] as const
  fc.assert(
    fc.property(
      inTown,
      step,
      fc.constantFrom(...datums),
      fc.constantFrom(...datums),
      (stands, off, meant, said) => {
        const sent = fromWgs84(travelFrom(stands, off), meant)
        const found = findMisreading({ sent, crs: said, stands, accuracyM: 8 })
        if (meant === said) return found === undefined
        const shiftM = measureM(toWgs84(sent, said), stands)
        return shiftM < 150 ? found === undefined : found?.crs === meant && found.distanceM >= 150
      },
    ),
    { numRuns: 3_000, seed: 5 },
  )
  const abroad = { lat: 48.8584, lng: 2.2945 }
  const pin = travelFrom(abroad, { bearingDeg: 100, distanceM: 480 })
  t.equal(findMisreading({ sent: pin, crs: 'wgs84', stands: abroad, accuracyM: 50 }), undefined, 'not abroad')
})

t.test('who hides elsewhere on purpose is hardly ever asked', async t => {
  const away = fc.record({
    bearingDeg: evenly(0, 360),
    // Evenly over the disk in which one may hide.
    distanceM: evenly(0, 1).map(part => 500 * Math.sqrt(part)),
  })
  for (const { accuracyM, atMost } of [
    { accuracyM: 8, atMost: 0.01 },
    { accuracyM: 100, atMost: 0.035 },
  ]) {
    const samples = fc.sample(fc.tuple(inTown, away), { numRuns: 40_000, seed: 9 })
    const asked = samples.filter(([stands, off]) =>
      findMisreading({ sent: travelFrom(stands, off), crs: 'wgs84', stands, accuracyM }),
    )
    const rate = asked.length / samples.length
    t.ok(rate < atMost, `${(100 * rate).toFixed(2)} % at ${accuracyM} m accuracy`)
    t.ok(rate > 0, 'but the one spot that a shift leads to is')
  }
})
