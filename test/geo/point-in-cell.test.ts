/** Points that a cell may be shown as: always inside, evenly spread, and made of nothing but the cell and a hash. */
import * as fc from 'fast-check'
import { cellToBoundary, cellToChildren, getPentagons, latLngToCell } from 'h3-js'
import t from 'tap'
import { anchorOf } from '../../src/envelopes/anchor.ts'
import { type Cell, centreOf, locateCell } from '../../src/geo/cell.ts'
import { measureM } from '../../src/geo/distance.ts'
import { pointInCell } from '../../src/geo/point-in-cell.ts'

const secret = 's'.repeat(40)
const anchor = (cell12: Cell, n: number | string) =>
  anchorOf(secret, { envelopeId: `e-${n}`, playerId: `p-${n}`, cell12 })

/** Anywhere, with the places where grids break mixed in. */
const somewhere = fc.oneof(
  fc.record({
    lat: fc.double({ min: -90, max: 90, noNaN: true }),
    lng: fc.double({ min: -180, max: 179.999_999, noNaN: true }),
  }),
  fc.record({
    lat: fc.double({ min: -85, max: 85, noNaN: true }),
    lng: fc.constantFrom(-180, -179.999_99, 179.999_99),
  }),
  fc.record({
    lat: fc.constantFrom(90, -90, 89.9999, -89.9999),
    lng: fc.double({ min: -180, max: 179.99, noNaN: true }),
  }),
)

t.test('an anchor lies in its cell, everywhere on Earth', async t => {
  let drawn = 0
  fc.assert(
    fc.property(somewhere, fc.nat(), (point, n) => {
      const cell = locateCell(point)
      const { lat, lng } = anchor(cell, n)
      drawn++
      return latLngToCell(lat, lng, 12) === cell && lng >= -180 && lng < 180
    }),
    { numRuns: 4_000, seed: 11 },
  )
  t.equal(drawn, 4_000)
  for (const pentagon of getPentagons(12) as Cell[]) {
    const outside = Array.from({ length: 200 }, (_, n) => anchor(pentagon, n)).filter(
      ({ lat, lng }) => latLngToCell(lat, lng, 12) !== pentagon,
    )
    t.same(outside, [], `pentagon ${pentagon}`)
    t.ok(measureM(anchor(pentagon, 1), anchor(pentagon, 2)) > 0.01, 'and is not always its centre')
  }
  // Around a pentagon cells are distorted and straddle the faces of the icosahedron.
  for (const near of getPentagons(10).flatMap(cell => cellToChildren(cell, 12)) as Cell[]) {
    const { lat, lng } = anchor(near, near)
    if (latLngToCell(lat, lng, 12) !== near) t.fail(`outside of ${near}`)
  }
})

t.test('an anchor is the same for one player and envelope, and another one for others', async t => {
  const cell12 = locateCell({ lat: 31.2304, lng: 121.4737 })
  const one = { envelopeId: 'e', playerId: 'p', cell12 }
  t.same(anchorOf(secret, one), anchorOf(secret, one))
  t.notSame(anchorOf(secret, one), anchorOf(secret, { ...one, playerId: 'q' }))
  t.notSame(anchorOf(secret, one), anchorOf(secret, { ...one, envelopeId: 'f' }))
  t.notSame(anchorOf(secret, one), anchorOf('x'.repeat(40), one))
  const many = Array.from({ length: 2_000 }, (_, n) => anchor(cell12, n))
  t.ok(new Set(many.map(({ lat, lng }) => `${lat},${lng}`)).size > 1_990)
})

/** Of chi-square with k degrees of freedom, what 1 in 10^6 exceeds (Wilson and Hilferty 1931). */
const chiLimit = (k: number) => k * (1 - 2 / (9 * k) + 4.753 * Math.sqrt(2 / (9 * k))) ** 3

t.test('anchors are spread evenly over the cell', async t => {
  const random = fc.sample(somewhere, { numRuns: 5, seed: 3 }).map(point => locateCell(point))
  const cells = [
    ...random,
    ...(getPentagons(12).slice(0, 2) as Cell[]),
    locateCell({ lat: 89.9999, lng: 12 }),
  ]
  for (const cell of cells) {
    const corners = cellToBoundary(cell)
    const slices = corners.length
    const rings = 4
    const draws = 6_000
    const counts = new Map<string, number>()
    const areas = sliceAreas(cell)
    for (let n = 0; n < draws; n++) {
      const { slice, outward } = findSlice(cell, anchor(cell, n))
      // Rings of equal area: the part of a triangle within a fraction f of the way out is f squared of it.
      const ring = Math.min(rings - 1, Math.floor(outward * outward * rings))
      counts.set(`${slice}:${ring}`, (counts.get(`${slice}:${ring}`) ?? 0) + 1)
    }
    let chi = 0
    for (let slice = 0; slice < slices; slice++) {
      for (let ring = 0; ring < rings; ring++) {
        const expected = (draws * (areas[slice] ?? 0)) / rings
        chi += ((counts.get(`${slice}:${ring}`) ?? 0) - expected) ** 2 / expected
      }
    }
    t.ok(
      chi < chiLimit(slices * rings - 1),
      `${cell}: ${chi.toFixed(1)} of ${chiLimit(slices * rings - 1).toFixed(1)}`,
    )
  }
})

/** Metres east and north of the centre, on the plane that touches the sphere there (through the poles, too). */
function project(centre: { lat: number; lng: number }, { lat, lng }: { lat: number; lng: number }) {
  const [p0, p1, dl] = [centre.lat, lat, lng - centre.lng].map(d => (d * Math.PI) / 180) as [
    number,
    number,
    number,
  ]
  const cos = Math.sin(p0) * Math.sin(p1) + Math.cos(p0) * Math.cos(p1) * Math.cos(dl)
  const x = (Math.cos(p1) * Math.sin(dl)) / cos
  const y = (Math.cos(p0) * Math.sin(p1) - Math.sin(p0) * Math.cos(p1) * Math.cos(dl)) / cos
  return [x, y] as const
}

const cross = ([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]) => ax * by - ay * bx

const cornersOf = (cell: Cell) =>
  cellToBoundary(cell).map(([lat, lng]) => project(centreOf(cell), { lat, lng }))

function sliceAreas(cell: Cell): number[] {
  const corners = cornersOf(cell)
  const areas = corners.map((a, i) => Math.abs(cross(a, corners[(i + 1) % corners.length] ?? a)))
  const sum = areas.reduce((all, area) => all + area, 0)
  return areas.map(area => area / sum)
}

/** The triangle around the centre that a point is in, and how far out in it, 0 to 1. */
function findSlice(cell: Cell, point: { lat: number; lng: number }) {
  const [corners, at] = [cornersOf(cell), project(centreOf(cell), point)]
  for (const [slice, a] of corners.entries()) {
    const b = corners[(slice + 1) % corners.length] ?? a
    const whole = cross(a, b)
    const [u, v] = [cross(at, b) / whole, cross(a, at) / whole]
    if (u >= -1e-9 && v >= -1e-9) return { slice, outward: u + v }
  }
  throw new Error('a point is in some slice')
}

t.test('a point of a cell needs three numbers, and says nothing of any other place', async t => {
  const cell = locateCell({ lat: 31.2304, lng: 121.4737 })
  const numbers = [0.1, 0.5, 0.9]
  let drawn = 0
  const point = pointInCell(cell, () => numbers[drawn++ % 3] ?? 0)
  t.equal(drawn, 3)
  t.equal(locateCell(point), cell)
  t.equal(pointInCell.length, 2, 'it is given a cell and chance, no point')
})
