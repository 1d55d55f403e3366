/**
 * Areas that no campaign can have, as JSON text: broken in every way that a geometry can be, many of them large enough
 * to make a careless judge count for minutes. `draw` gives numbers in [0, 1), for other places and sizes each time.
 */
type Position = readonly [number, number]
type Draw = () => number

/** `corners` on a circle of about `degrees`, taken in steps of `step`. */
function star(draw: Draw, { corners, step, degrees }: { corners: number; step: number; degrees: number }) {
  const [lng, lat] = [121 + draw(), 31 + draw()]
  const at = (i: number): Position => {
    const angle = (2 * Math.PI * ((i * step) % corners)) / corners
    return [lng + degrees * Math.cos(angle), lat + degrees * Math.sin(angle)]
  }
  return closed(Array.from({ length: corners }, (_, i) => at(i)))
}

const closed = (ring: readonly Position[]): Position[] => [...ring, ring[0] as Position]
const square = ([lng, lat]: Position, side: number): Position[] =>
  closed([
    [lng, lat],
    [lng + side, lat],
    [lng + side, lat + side],
    [lng, lat + side],
  ])
const polygon = (...rings: readonly (readonly Position[])[]) =>
  JSON.stringify({ type: 'Polygon', coordinates: rings })
const parts = (...polygons: readonly (readonly (readonly Position[])[])[]) =>
  JSON.stringify({ type: 'MultiPolygon', coordinates: polygons })

/** A comb whose teeth cross the back of another. */
function combs(draw: Draw, teeth: number): Position[] {
  const [lng, lat] = [121 + draw(), 31 + draw()]
  const ring: Position[] = []
  for (let i = 0; i < teeth; i++) ring.push([lng + i * 1e-5, lat + (i % 2) * 0.01])
  for (let i = teeth; i > 0; i--) ring.push([lng + (i % 2) * 0.01, lat + i * 1e-5])
  return closed(ring)
}

const spot = (draw: Draw): Position => [121 + draw(), 31 + draw()]
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const holes = (draw: Draw, count: number) => {
  const at = spot(draw)
  return [square(at, 0.01), ...times(count, i => [...square([at[0] + i * 1e-6, at[1]], 0.005)].reverse())]
}

export const hostileAreas: Readonly<Record<string, (draw: Draw) => string>> = {
  'a star that crosses itself': draw => polygon(star(draw, { corners: 199, step: 98, degrees: 0.005 })),
  'a small star': draw => polygon(star(draw, { corners: 5, step: 2, degrees: 0.001 + draw() / 100 })),
  'combs in each other': draw => polygon(combs(draw, 99)),
  'a line to and fro': draw => {
    const [lng, lat] = spot(draw)
    return polygon(closed(times(198, i => [lng + (i % 2) * 0.01, lat] as const)))
  },
  'one point': draw => polygon(times(200, () => [121.5, 31.5 + 0 * draw()] as const)),
  'a needle': draw => {
    const [lng, lat] = spot(draw)
    return polygon(
      closed([...square([lng, lat], 0.001).slice(0, 3), [lng + 0.01, lat + 0.001], [lng, lat + 0.001]]),
    )
  },
  clockwise: draw => polygon([...square(spot(draw), 0.005)].reverse()),
  open: draw => polygon(square(spot(draw), 0.005).slice(0, -1)),
  'holes upon holes': draw => polygon(...holes(draw, 19)),
  'a hole outside': draw => polygon(square(spot(draw), 0.001), [...square([125, 35], 0.001)].reverse()),
  'a hole that is the whole': draw => {
    const ring = square(spot(draw), 0.005)
    return polygon(ring, [...ring].reverse())
  },
  'the same twenty times': draw => {
    const ring = square(spot(draw), 0.001)
    return parts(...times(20, () => [ring]))
  },
  'parts in each other': draw => {
    const [lng, lat] = spot(draw)
    return parts(...times(20, i => [square([lng + i * 1e-5, lat + i * 1e-5], 0.002)]))
  },
  'more corners than are let in': draw => polygon(star(draw, { corners: 201, step: 1, degrees: 0.005 })),
  'a thousand corners': draw => polygon(star(draw, { corners: 1_000, step: 499, degrees: 0.005 })),
  'a country': draw => polygon(square(spot(draw), 5 + 10 * draw())),
  'the world': () => polygon(square([-180, -85], 170)),
  'across the antimeridian': draw => {
    const lat = 10 + draw()
    return polygon(
      closed([
        [179.99, lat],
        [-179.99, lat],
        [-179.99, lat + 0.01],
        [179.99, lat + 0.01],
      ]),
    )
  },
  'the pole': draw => polygon(square([10 * draw(), 89.9], 0.01)),
  'lat and lng swapped': draw => polygon(square([31 + draw(), 121], 0.01)),
  'a number without end': () => '{"type":"Polygon","coordinates":[[[1e999,0],[1,0],[1,1],[1e999,0]]]}',
  'text for numbers': () => '{"type":"Polygon","coordinates":[[["0","0"],["1","0"],["1","1"],["0","0"]]]}',
  'null for numbers': () => '{"type":"Polygon","coordinates":[[[null,0],[1,0],[1,1],[null,0]]]}',
  'three dimensions': () => '{"type":"Polygon","coordinates":[[[0,0,0],[1,0,0],[1,1,0],[0,0,0]]]}',
  nothing: () => '{"type":"Polygon","coordinates":[]}',
  'brackets without end': () => `{"type":"Polygon","coordinates":${'['.repeat(8_000)}${']'.repeat(8_000)}}`,
  'a collection': () => '{"type":"GeometryCollection","geometries":[]}',
  'a point': draw => JSON.stringify({ type: 'Point', coordinates: spot(draw) }),
}
