import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { cellArea, getPentagons, gridDisk } from 'h3-js'
import t from 'tap'
import {
  type Cell,
  centreOf,
  coarsen,
  computeCentre,
  fromBigInt,
  locateCell,
  parseCell,
  type Resolution,
  resolutionOf,
  toBigInt,
} from '../../src/geo/cell.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import { neighboursWithin } from '../../src/geo/neighbourhood.ts'
import { cellPolygon } from '../../src/geo/polygon.ts'

/** Uniform over the sphere, with the places where grids break mixed in. */
const somewhere = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -180, max: 179.999, noNaN: true }))
      .map(([sin, lng]) => ({ lat: (Math.asin(sin) * 180) / Math.PI, lng })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      lat: fc.double({ min: 39, max: 39.2, noNaN: true }),
      lng: fc.double({ min: 122.2, max: 122.4, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      lat: fc.double({ min: -90, max: 90, noNaN: true }),
      lng: fc.constantFrom(-180, -179.9999, 179.9999),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      lat: fc.constantFrom(90, -90, 89.999, -89.999),
      lng: fc.double({ min: -180, max: 179.999, noNaN: true }),
    }),
  },
)

const RESOLUTIONS: readonly Resolution[] = [12, 10, 9, 7]

const YELLOW_SEA = { lat: 39.1, lng: 122.3 }

function pentagons(resolution: Resolution): Cell[] {
  return getPentagons(resolution)
    .map(text => parseCell(text))
    .filter(cell => cell !== undefined)
}

function hintCell(point: { lat: number; lng: number }): Cell {
  return coarsen(locateCell(point), 10)
}

t.test('a point is located once and coarsened by parents', async t => {
  const cell = locateCell({ lat: 31.2304, lng: 121.4737 })
  t.same(
    RESOLUTIONS.map(resolution => resolutionOf(coarsen(cell, resolution))),
    RESOLUTIONS,
  )
  t.equal(coarsen(cell, 12), cell)
  t.throws(() => coarsen(coarsen(cell, 9), 10), 'never finer')
  t.throws(() => locateCell({ lat: 91, lng: 0 }), 'h3-js would take it')
  t.throws(() => locateCell({ lat: Number.NaN, lng: 0 }))
  fc.assert(
    fc.property(somewhere, point => {
      const finest = locateCell(point)
      return coarsen(coarsen(finest, 10), 7) === coarsen(finest, 7) && measureM(centreOf(finest), point) < 12
    }),
    { numRuns: 2000 },
  )
})

t.test('SQL derives the same parents by its bits', async () => {
  fc.assert(
    fc.property(somewhere, fc.constantFrom(...RESOLUTIONS), (point, resolution) => {
      const cell = locateCell(point)
      const r = BigInt(resolution)
      const parent = (toBigInt(cell) & ~(15n << 52n)) | (r << 52n) | ((1n << (3n * (15n - r))) - 1n)
      return parent === toBigInt(coarsen(cell, resolution))
    }),
    { numRuns: 2000 },
  )
})

t.test('a cell and its bigint', async t => {
  const cell = locateCell(YELLOW_SEA)
  t.equal(fromBigInt(toBigInt(cell)), cell)
  t.equal(fromBigInt(String(toBigInt(cell))), cell, 'as pg returns it')
  t.ok(
    pentagons(12).every(pentagon => toBigInt(pentagon) < 2n ** 63n),
    'signed',
  )
  t.throws(() => fromBigInt(1n))
})

t.test('a cell from outside', async t => {
  const cell = locateCell(YELLOW_SEA)
  t.equal(parseCell(cell), cell)
  for (const text of [
    '',
    'x',
    cell.toUpperCase(),
    `0${cell}`,
    `${cell} `,
    '8fffffffffffffff',
    7,
    null,
    undefined,
  ]) {
    t.equal(parseCell(text), undefined)
  }
})

t.test('a centre is the same remembered and computed', async () => {
  fc.assert(
    fc.property(somewhere, point => {
      const cell = locateCell(point)
      assert.deepEqual(centreOf(cell), computeCentre(cell))
      assert.equal(centreOf(cell), centreOf(cell))
    }),
  )
})

function areasM2(resolution: 10 | 12): number[] {
  const crooked = pentagons(resolution).flatMap(cell => gridDisk(cell, 3))
  const usual = fc
    .sample(somewhere, { numRuns: 4000, seed: 7 })
    .map(point => coarsen(locateCell(point), resolution))
  return [...crooked, ...usual].map(cell => cellArea(cell, 'm2'))
}

t.test('a hint cell is at least 7,592 m², a claim cell at least 154.9 m²', async t => {
  const smallestM2 = areasM2(10).reduce((a, b) => Math.min(a, b))
  t.ok(smallestM2 >= 7592 && smallestM2 < 7593, `res 10: ${smallestM2}`)
  t.ok(
    areasM2(12).every(areaM2 => areaM2 >= 154.9),
    'res 12',
  )
})

t.test('a neighbourhood is what brute force finds', async () => {
  const start = fc.oneof(
    { weight: 3, arbitrary: somewhere.map(hintCell) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...pentagons(10)), fc.nat(200))
        .map(([cell, n]) => nthAround(cell, n)),
    },
  )
  fc.assert(
    fc.property(start, fc.constantFrom(0, 60, 150, 300, 500, 1000), (cell, radiusM) => {
      const centre = computeCentre(cell)
      const expected = gridDisk(cell, 18).filter(
        other => measureM(centre, computeCentre(other as Cell)) <= radiusM,
      )
      assert.deepEqual([...neighboursWithin(cell, radiusM)].sort(), expected.sort())
    }),
    { numRuns: 150 },
  )
})

function nthAround(cell: Cell, n: number): Cell {
  const around = gridDisk(cell, 8)
  return around[n % around.length] as Cell
}

t.test('a neighbourhood misses no place, whatever the grid does', async () => {
  const bearing = fc.double({ min: 0, max: 360, noNaN: true })
  const length = fc.double({ min: 0, max: 2200, noNaN: true })
  fc.assert(
    fc.property(
      somewhere,
      bearing,
      length,
      fc.constantFrom(500, 2000),
      (point, bearingDeg, distanceM, radiusM) => {
        const cell = hintCell(point)
        const other = hintCell(travelFrom(centreOf(cell), { bearingDeg, distanceM }))
        const isInside = measureM(centreOf(cell), centreOf(other)) <= radiusM
        assert.equal(neighboursWithin(cell, radiusM).includes(other), isInside)
      },
    ),
    { numRuns: 150 },
  )
})

t.test('neighbourhoods at pentagons, poles and the antimeridian', async t => {
  const pentagon = pentagons(10).find(cell => measureM(centreOf(cell), YELLOW_SEA) < 10_000)
  assert(pentagon, 'a pentagon lies in the Yellow Sea')
  t.ok(neighboursWithin(pentagon, 500).length > 40)
  t.equal(neighboursWithin(pentagon, 120).length, 6, 'a pentagon and its five neighbours')
  for (const point of [
    { lat: 90, lng: 0 },
    { lat: -90, lng: 0 },
    { lat: 0, lng: -180 },
    { lat: 66, lng: 179.9999 },
  ]) {
    const cell = hintCell(point)
    const around = neighboursWithin(cell, 500)
    t.equal(around[0], cell, 'nearest first')
    t.equal(new Set(around).size, around.length)
    t.ok(
      around.every(other => neighboursWithin(other, 500).includes(cell)),
      'neighbours of each other',
    )
  }
})

t.test('service requests widen to 3 km at res 9; what is too large is a bug', async t => {
  const cell = coarsen(locateCell(YELLOW_SEA), 9)
  t.ok(neighboursWithin(cell, 3000).length > 150)
  t.throws(() => neighboursWithin(cell, 20_000), /rings/)
  t.throws(() => neighboursWithin(coarsen(cell, 7), 500), /resolutions/)
})

t.test('a cell as GeoJSON', async t => {
  fc.assert(
    fc.property(somewhere, point => {
      for (const rings of polygonsOf(hintCell(point))) {
        const [ring] = rings
        assert(ring && rings.length === 1 && ring.length >= 4)
        assert.deepEqual(ring[0], ring.at(-1), 'closed')
        assert(signedArea(ring) > 0, 'counter-clockwise')
        assert(ring.every(([lng, lat]) => Math.abs(lng) <= 180 && Math.abs(lat) <= 90))
      }
    }),
    { numRuns: 500 },
  )
  t.equal(cellPolygon(hintCell({ lat: 31.2304, lng: 121.4737 })).type, 'Polygon')
  t.equal(cellPolygon(hintCell({ lat: 0, lng: -180 })).type, 'MultiPolygon', 'cut at the antimeridian')
  t.ok(
    polygonsOf(hintCell({ lat: 0, lng: -180 })).every(([ring]) => widthOf(ring ?? []) < 0.01),
    'never around the world',
  )
  for (const lat of [90, -90]) {
    const [[cap = []] = []] = polygonsOf(hintCell({ lat, lng: 0 }))
    t.equal(widthOf(cap), 360)
    t.ok(
      cap.some(position => position[1] === lat),
      'a cap reaches its pole',
    )
  }
})

function polygonsOf(cell: Cell) {
  const shape = cellPolygon(cell)
  return shape.type === 'Polygon' ? [shape.coordinates] : shape.coordinates
}

function signedArea(ring: readonly number[][]): number {
  let twice = 0
  for (const [i, [lng = 0, lat = 0]] of ring.entries()) {
    const [nextLng = 0, nextLat = 0] = ring[(i + 1) % ring.length] ?? []
    const [originLng = 0, originLat = 0] = ring[0] ?? []
    twice += (lng - originLng) * (nextLat - originLat) - (nextLng - originLng) * (lat - originLat)
  }
  return twice / 2
}

function widthOf(ring: readonly number[][]): number {
  const lngs = ring.map(([lng = 0]) => lng)
  return Math.max(...lngs) - Math.min(...lngs)
}
