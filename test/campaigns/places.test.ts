/** Where drops place envelopes: as previewed, evenly, in each cell, at points, apart, outside of exclusions. */
import t, { type Test } from 'tap'
import type { Area } from '#protocol/rest/areas.ts'
import type { DropOrder, Preview } from '#protocol/rest/drops.ts'
import type { Static } from 'typebox'
import { cellToLatLng, latLngToCell, polygonToCells } from 'h3-js'
import { addExclusion, removeExclusion } from '../../src/areas/exclusion.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { orderDrop } from '../../src/campaigns/order-drop.ts'
import { placeEnvelopes } from '../../src/campaigns/place.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { measureM } from '../../src/geo/distance.ts'
import { toPlaces } from '../../src/geo/places.ts'
import { isInside } from '../../src/geo/fill.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import { assertBooks } from '../helpers/books.ts'
import { createCampaignStage, must, plaza, reasonOf } from './stage.ts'

type Point = { lat: number; lng: number }
type Polygons = Parameters<typeof placeEnvelopes>[0]['free']

const stage = await createCampaignStage(t)
const { world, campaigns, create, drop, launchNew, orderOf, fill, ask, createMerchant } = stage
const { database } = world
const plazaRings = plaza.coordinates as unknown as Polygons[number]

t.afterEach(async () => assertBooks(t, world))

const box = (west: number, south: number, east: number, north: number): [number, number][] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
]
const polygon = (...rings: [number, number][][]): Area => ({ type: 'Polygon', coordinates: rings })

async function preview(
  { merchant, id }: { merchant: Parameters<typeof create>[0]; id: string },
  order: Partial<DropOrder>,
) {
  const answer = await campaigns.preview({ caller: merchant, id, body: orderOf(order) })
  return must(answer).body as Static<typeof Preview>
}

/** The places of a drop that is filled. */
async function dropWell(
  { merchant, id }: { merchant: Parameters<typeof create>[0]; id: string },
  order: Partial<DropOrder>,
): Promise<Point[]> {
  const { body } = must(await drop(merchant, id, order))
  await fill()
  return placesOf(body.id)
}

const placesOf = (dropId: string): Promise<Point[]> =>
  ask(
    'select st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes where drop_id = $1 order by id',
    [dropId],
  )

const exclusionPorts = {
  ...{ areas: areaRecord, noteAction: createActionLog(world) },
  ...{ clock: world.clock, random: world.random },
}

async function exclude(ring: [number, number][], reason = 'a school'): Promise<string> {
  const sent = { name: 'School', area: polygon(ring), reason }
  const answer = await database.transact(tx => addExclusion(exclusionPorts, tx, sent))
  if (answer.status === 'refused') throw new Error(JSON.stringify(answer))
  return answer.exclusion.id
}
const lift = (id: string) => database.transact(tx => removeExclusion(exclusionPorts, tx, id))

const sorted = (points: readonly Point[]): string[] => points.map(p => `${p.lng} ${p.lat}`).sort()
const pointsOf = ({ points }: Static<typeof Preview>): Point[] =>
  points.coordinates.map(([lng, lat]) => ({ lng, lat }))

function nearestM(points: readonly Point[], others: readonly Point[] = points): number {
  let nearest = Infinity
  for (const point of points)
    for (const other of others) if (point !== other) nearest = Math.min(nearest, measureM(point, other))
  return nearest
}

t.test('a preview changes nothing and is what the drop does with its seed', async t => {
  const campaign = await launchNew()
  const order = { strategy: { type: 'uniform' as const, envelopes: 150 }, seed: 'lanterns' }
  const seen = await preview(campaign, order)
  t.same(await preview(campaign, order), seen, 'the same seed, the same places')
  t.match(seen, { seed: 'lanterns', envelopes: 150, cost: { amountMinor: '15000' } })
  t.same(seen.warnings, [])
  t.equal(
    seen.cells.reduce((sum, { envelopes }) => sum + envelopes, 0),
    150,
  )
  const counted = new Map<string, number>()
  for (const point of pointsOf(seen)) {
    const cell = coarsen(locateCell(point), 9)
    counted.set(cell, (counted.get(cell) ?? 0) + 1)
  }
  t.same(
    Object.fromEntries(seen.cells.map(({ hex_id, envelopes }) => [hex_id, envelopes])),
    Object.fromEntries(counted),
  )
  const [{ m2 }] = (await ask(
    'select st_area(st_setsrid(st_geomfromgeojson($1::text), 4326)::geography) as m2',
    [JSON.stringify(plaza)],
  )) as [{ m2: number }]
  t.equal(seen.areaM2, Math.round(m2))
  t.equal(seen.perKm2, Math.round((150 / m2) * 1_000_000))
  t.equal(await stage.balanceOf(campaign.id), 100_000n, 'it costs nothing')
  t.same(await ask('select id from drops where campaign_id = $1', [campaign.id]), [])

  const chance = await preview(campaign, { strategy: order.strategy })
  t.notSame(sorted(pointsOf(chance)), sorted(pointsOf(seen)), 'without a seed, others')
  t.not((await preview(campaign, { strategy: order.strategy })).seed, chance.seed)
  t.same(sorted(await dropWell(campaign, { ...order, seed: chance.seed })), sorted(pointsOf(chance)))

  const many = await preview(campaign, { ...order, strategy: { type: 'uniform', envelopes: 2_000 } })
  t.equal(many.envelopes, 2_000)
  t.equal(many.points.coordinates.length, 1_000, 'as many as a preview shows')
  const stranger = await createMerchant()
  t.equal(
    reasonOf(await campaigns.preview({ caller: stranger, id: campaign.id, body: orderOf() })),
    'not_found',
  )
})

t.test('warnings of a preview, and the refusals that a drop makes of them', async t => {
  const merchant = await createMerchant()
  const draft = must(await create(merchant)).body
  const codes = async (order: Partial<DropOrder>) =>
    (await preview({ merchant, id: draft.id }, order)).warnings.map(({ code }) => code)
  t.same(await codes({}), [], 'a draft has its budget')
  t.same(await codes({ claimRadiusM: 40 }), ['radius_below_accuracy'])
  t.same(await codes({ amountMinor: '100000' }), ['budget_exceeded'])
  const dense = { strategy: { type: 'uniform' as const, envelopes: 500 }, spacingM: 100 }
  t.same(await codes(dense), ['spacing_impossible'])
  t.same(await codes({ strategy: { type: 'cells', resolution: 11 }, spacingM: 60 }), ['cells_without_room'])
  t.equal(reasonOf(await drop(merchant, draft.id)), 'campaign_state draft')

  const campaign = await launchNew()
  const refusal = async (order: Partial<DropOrder>) =>
    reasonOf(await drop(campaign.merchant, campaign.id, order))
  t.equal(await refusal(dense), 'drop_refused spacing_impossible')
  t.equal(await refusal({ shares: 101 }), 'drop_refused shares_exceed_total')
  t.equal(await refusal({ amountMinor: '9999999999999', shares: 2 }), 'drop_refused too_expensive')
  t.equal(await refusal({ amountMinor: '100000' }), 'insufficient_funds')
  t.equal(await stage.balanceOf(campaign.id), 100_000n, 'what is refused costs nothing')
})

t.test('one envelope in each cell, anywhere in it', async t => {
  const campaign = await launchNew()
  for (const resolution of [10, 11] as const) {
    const strategy = { type: 'cells' as const, resolution }
    const points = await dropWell(campaign, { strategy, seed: 'cells', amountMinor: '10' })
    const cells = polygonToCells(plaza.coordinates as number[][][], resolution, true)
    const cellOf = ({ lat, lng }: Point) => latLngToCell(lat, lng, resolution)
    t.same(points.map(cellOf).sort(), [...cells].sort(), `${cells.length} cells of resolution ${resolution}`)
    t.ok(points.every(point => isInside([plazaRings], point)))
    const fromCentre = points.map(point => {
      const [lat, lng] = cellToLatLng(cellOf(point))
      return measureM(point, { lat, lng })
    })
    t.ok(Math.max(...fromCentre) > 5, 'not in the middle, which the hint would tell')
  }
  const wide = await launchNew({ area: polygon(box(121.47, 31.22, 121.4905, 31.2375)) })
  t.equal(
    reasonOf(await drop(wide.merchant, wide.id, { strategy: { type: 'cells', resolution: 12 } })),
    'drop_refused too_many_cells',
  )
})

t.test('given points: exactly there, and each that is wrong is named', async t => {
  const campaign = await launchNew()
  const given: [number, number][] = [
    [121.472, 31.229],
    [121.473, 31.23],
    [121.474, 31.231],
  ]
  const at = (coordinates: [number, number][]) => ({
    strategy: { type: 'points' as const, points: { type: 'MultiPoint' as const, coordinates } },
  })
  t.same(sorted(await dropWell(campaign, at(given))), sorted(given.map(([lng, lat]) => ({ lng, lat }))))
  const excluded = await exclude(box(121.4745, 31.2287, 121.4757, 31.2321))
  const bad: [number, number][] = [
    [121.4721, 31.2291],
    [121.48, 31.229],
    [121.475, 31.23],
    [121.47215, 31.2291],
  ]
  const refused = await drop(campaign.merchant, campaign.id, { ...at(bad), spacingM: 30 })
  t.match(refused, {
    ...{ status: 'refused', code: 'drop_refused', reason: 'points_refused' },
    errors: [
      { pointer: '/body/strategy/points/coordinates/0', message: /nearer/ },
      { pointer: '/body/strategy/points/coordinates/1', message: /outside/ },
      { pointer: '/body/strategy/points/coordinates/2', message: /exclusion/ },
      { pointer: '/body/strategy/points/coordinates/3', message: /nearer/ },
    ],
  })
  await lift(excluded)
})

t.test('spacing holds within a drop and to all others of the merchant, not to those of others', async t => {
  const campaign = await launchNew()
  const order = { strategy: { type: 'uniform' as const, envelopes: 25 }, spacingM: 35 }
  const first = await dropWell(campaign, order)
  t.ok(nearestM(first) >= 35, `${nearestM(first)} m`)
  const second = await dropWell(campaign, { ...order, strategy: { type: 'uniform', envelopes: 10 } })
  t.equal(second.length, 10)
  t.ok(nearestM([...first, ...second]) >= 35, `${nearestM([...first, ...second])} m`)
  const inCells = await dropWell(campaign, { strategy: { type: 'cells', resolution: 11 }, spacingM: 20 })
  t.ok(inCells.length > 0 && nearestM([...first, ...second, ...inCells], inCells) >= 20)
  const rival = await launchNew()
  t.equal((await dropWell(rival, order)).length, 25)
})

t.test('even by area: parts, holes and latitudes get what they are large', async t => {
  // Two parts, the larger with a hole; sheared, so that no side follows a meridian.
  const parts: Polygons = [
    [
      [
        [10, 60],
        [10.02, 60.002],
        [10.022, 60.014],
        [10.001, 60.011],
        [10, 60],
      ],
      [
        [10.005, 60.004],
        [10.006, 60.008],
        [10.014, 60.008],
        [10.012, 60.004],
        [10.005, 60.004],
      ],
    ],
    [
      [
        [10.03, 60.001],
        [10.036, 60.001],
        [10.033, 60.012],
        [10.03, 60.001],
      ],
    ],
  ]
  const wanted = 20_000
  const { places, ...placed } = placeEnvelopes({
    strategy: { type: 'uniform', envelopes: wanted },
    ...{ seed: 'even', spacingM: undefined, free: parts, others: toPlaces([]) },
  })
  t.match(placed, { missing: 0, cellsWithoutRoom: 0, crowded: { length: 0 } })
  const points = [...places.lngs].map((lng, i) => ({ lng, lat: places.lats[i] ?? 0 }))
  t.equal(points.length, wanted)
  t.ok(points.every(point => isInside(parts, point)))
  // What PostGIS says of each square of a grid is the judge: another program, on the spheroid.
  const squares = await ask<{ x: number; y: number; expected: number }>(
    `with whole as (select st_setsrid(st_geomfromgeojson($1::text), 4326) as area),
      squares as (
        select x, y, st_makeenvelope(10 + x * 0.004, 60 + y * 0.0025, 10.004 + x * 0.004, 60.0025 + y * 0.0025, 4326)
          as square from generate_series(0, 9) x, generate_series(0, 5) y)
     select x, y, st_area(st_intersection(square, area)::geography) / st_area(area::geography) as expected
     from squares, whole where st_area(st_intersection(square, area)) > 0`,
    [JSON.stringify({ type: 'MultiPolygon', coordinates: parts })],
  )
  const found = new Map<string, number>()
  for (const { lng, lat } of points) {
    const square = `${Math.floor((lng - 10) / 0.004)} ${Math.floor((lat - 60) / 0.0025)}`
    found.set(square, (found.get(square) ?? 0) + 1)
  }
  const large = squares.filter(({ expected }) => expected * wanted >= 5)
  t.ok(large.length > 20, `${large.length} squares`)
  const chi = large.reduce((sum, { x, y, expected }) => {
    const wantedHere = expected * wanted
    return sum + ((found.get(`${x} ${y}`) ?? 0) - wantedHere) ** 2 / wantedHere
  }, 0)
  const freedom = large.length - 1
  // One seed in thirty thousand lies farther out, and the seed is fixed.
  t.ok(chi < freedom + 4 * Math.sqrt(2 * freedom), `chi² ${chi.toFixed(1)} of ${freedom}`)
})

t.test('nobody hides in an exclusion area: drops go around it, players are refused', async t => {
  const campaign = await launchNew()
  const half = box(121.4737, 31.228, 121.477, 31.233)
  const id = await exclude(half)
  const points = await dropWell(campaign, { strategy: { type: 'uniform', envelopes: 300 } })
  t.equal(points.length, 300)
  t.ok(points.every(({ lng }) => lng < 121.4737))
  const seen = await preview(campaign, {})
  const whole = (await areaRecord.survey(database, plaza, undefined)).areaM2
  t.ok(Math.abs(seen.areaM2 / whole - 0.5) < 0.001, `${seen.areaM2} of ${whole} m²`)
  const inCells = await dropWell(campaign, { strategy: { type: 'cells', resolution: 11 }, amountMinor: '10' })
  t.ok(inCells.every(({ lng }) => lng < 121.4737))
  await hideAndExpect(t, 'place_refused excluded')
  await exclude(box(121.471, 31.228, 121.474, 31.233), 'a barracks')
  t.equal(reasonOf(await drop(campaign.merchant, campaign.id)), 'drop_refused no_room')
  t.match(await lift(id), { status: 'removed' })
  t.match(await lift(id), { code: 'not_found' })
  const list = await areaRecord.listExclusions(database, { limit: 10 })
  for (const exclusion of list) await lift(exclusion.id)
  await hideAndExpect(t, '201')
  const actions = await ask<{ action: string; reason: string }>(
    `select action, reason from operator_actions where action in ('exclude', 'lift_exclusion') order by created_at, id`,
  )
  t.ok(actions.some(({ action, reason }) => action === 'exclude' && reason === 'a barracks'))
  t.ok(actions.some(({ action }) => action === 'lift_exclusion'))
})

async function hideAndExpect(t: Test, expected: string): Promise<void> {
  const player = await stage.createPlayer({ at: { lat: 31.2304, lng: 121.475 } })
  const answer = await stage.hide(player, {
    place: { type: 'Point', coordinates: [121.475, 31.2304] },
  })
  t.equal(reasonOf(answer), expected)
}

t.test('a plan that changed between the look and the launch places nothing of the old one', async t => {
  const merchant = await createMerchant()
  const { body } = must(await create(merchant, { area: polygon(box(121.4717, 31.2287, 121.4727, 31.2297)) }))
  const { ports } = stage
  const dropped = await orderDrop(
    {
      ...ports,
      async runOnce(request, act) {
        must(await campaigns.edit({ caller: merchant, id: body.id, version: 1, body: { area: plaza } }))
        must(await stage.launch(merchant, body.id))
        return ports.runOnce(request, act)
      },
    },
    { caller: merchant, id: body.id, body: orderOf(), idempotencyKey: 'late' },
  )
  t.equal(reasonOf(dropped), 'campaign_state draft')
})
