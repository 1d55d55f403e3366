import * as fc from 'fast-check'
import t from 'tap'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import { BANDS, bandOf, bandsAround, roundCount } from '../../src/hints/band.ts'
import { measureWarmth } from './measure-warmth.ts'
import { createHintSelector } from '../../src/hints/order.ts'

const SQUARE = { lat: 31.2304, lng: 121.4737 }

function hintCell(point: { lat: number; lng: number }): Cell {
  return coarsen(locateCell(point), 10)
}

const somewhere = fc.record({
  lat: fc.oneof(
    fc.double({ min: -90, max: 90, noNaN: true }),
    fc.double({ min: 39, max: 39.2, noNaN: true }),
  ),
  lng: fc.oneof(fc.double({ min: -180, max: 179.99, noNaN: true }), fc.constantFrom(122.3, -180, 179.9999)),
})
const step = fc.record({
  bearingDeg: fc.double({ min: 0, max: 360, noNaN: true }),
  distanceM: fc.double({ min: 0, max: 700, noNaN: true }),
})

t.test('a band is the distance between two centres', async t => {
  const cell = hintCell(SQUARE)
  t.equal(bandOf(cell, cell), 'here')
  t.equal(bandOf(cell, hintCell({ lat: 0, lng: 0 })), undefined)
  fc.assert(
    fc.property(somewhere, step, (point, step) => {
      const [player, envelope] = [hintCell(point), hintCell(travelFrom(point, step))]
      const distanceM = measureM(centreOf(player), centreOf(envelope))
      const limits = { here: 0, hot: 150, warm: 300, cool: 500 }
      const expected = BANDS.find(band => distanceM <= limits[band])
      return bandOf(player, envelope) === expected && bandOf(envelope, player) === expected
    }),
    { numRuns: 1000 },
  )
})

t.test('the table of a cell has every band and nothing else', async t => {
  const bands = bandsAround(hintCell(SQUARE))
  t.equal(bandsAround(hintCell(SQUARE)), bands, 'computed once')
  t.same([...new Set(bands.values())], BANDS, 'nearest first')
  fc.assert(
    fc.property(somewhere, step, (point, step) => {
      const [player, envelope] = [hintCell(point), hintCell(travelFrom(point, step))]
      return bandsAround(player).get(envelope) === bandOf(player, envelope)
    }),
    { numRuns: 300 },
  )
})

t.test('all points of a cell are one', async () => {
  const inside = fc.record({
    dLat: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
    dLng: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
  })
  const home = hintCell(SQUARE)
  const hidden = hintCell({ lat: SQUARE.lat + 0.003, lng: SQUARE.lng })
  fc.assert(
    fc.property(inside, ({ dLat, dLng }) => {
      const cell = hintCell({ lat: SQUARE.lat + dLat, lng: SQUARE.lng + dLng })
      return cell !== home || bandOf(cell, hidden) === bandOf(home, hidden)
    }),
  )
})

t.test('warmth', async t => {
  t.same([0, 1, 9, 10, 99, 100, 5000].map(roundCount), ['0', '1+', '1+', '10+', '10+', '100+', '100+'])
  const cell = hintCell(SQUARE)
  const at = (distanceM: number) => hintCell(travelFrom(centreOf(cell), { bearingDeg: 30, distanceM }))
  t.same(measureWarmth(cell, new Map()), { within1Km: '0', within2Km: '0' })
  t.same(measureWarmth(cell, new Map([[at(800), 1]])), { within1Km: '1+', within2Km: '1+' })
  t.same(
    measureWarmth(
      cell,
      new Map([
        [at(0), 2],
        [at(1700), 9],
      ]),
    ),
    { within1Km: '1+', within2Km: '10+' },
  )
  t.same(measureWarmth(cell, new Map([[at(2200), 500]])), { within1Km: '0', within2Km: '0' })
})

t.test('hints are ordered by band, then by a keyed hash, and cut at 50', async t => {
  const select = createHintSelector('secret')
  const candidates = Array.from({ length: 120 }, (_, i) => ({
    envelopeId: `e${i}`,
    band: BANDS[i % 4] ?? 'cool',
    n: i,
  }))
  const selected = select(candidates, { playerId: 'p' })
  t.equal(selected.length, 50)
  t.same(
    selected.map(({ band }) => band),
    [...Array(30).fill('here'), ...Array(20).fill('hot')],
  )
  t.same(select([...candidates].reverse(), { playerId: 'p' }), selected, 'order of arrival says nothing')
  t.same(createHintSelector('secret')(candidates, { playerId: 'p' }), selected, 'the same on every server')
  t.notSame(select(candidates, { playerId: 'q' }), selected, 'other players, other order')
  t.notSame(createHintSelector('other')(candidates, { playerId: 'p' }), selected, 'not without the secret')
  t.same(select([], { playerId: 'p' }), [])
  t.equal(select(candidates, { playerId: 'p', limit: 3 }).length, 3)
})
