/** `npm run seed`: reading places, moving them, hiding them once. */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { measureM } from '../../src/geo/distance.ts'
import { formatMoney } from '../../src/bin/play/money.ts'
import { builtInPlaces, readPlaces } from '../../src/bin/play/places.ts'
import { type SeedOptions, seedPlaces } from '../../src/bin/play/seed-places.ts'
import { centroidOf, readAround, shiftAll } from '../../src/bin/play/shift.ts'
import { UsageFault } from '../../src/bin/play/usage-fault.ts'
import { assertBooks } from '../helpers/books.ts'
import { startPlayServer } from './play-server.ts'
import { runTool } from './run-tool.ts'

const feature = (coordinates: unknown, properties: unknown = { name: 'Here' }, type = 'Point') => ({
  type: 'Feature',
  properties,
  geometry: { type, coordinates },
})
const collect = (...features: unknown[]) => JSON.stringify({ type: 'FeatureCollection', features })

const { url, merchantKey, world } = await startPlayServer(t)

t.test('places are read from GeoJSON, longitude first', async t => {
  const text = collect(feature([120.15, 30.25, 12]), feature([180, -1], { name: ' ' }), feature([1, 2], null))
  t.same(readPlaces(text), [
    { name: 'Here', lat: 30.25, lng: 120.15 },
    { name: 'Place 2', lat: -1, lng: -180 },
    { name: 'Place 3', lat: 2, lng: 1 },
  ])
})

t.test('what is wrong with a file is said by feature', async t => {
  const cases: [string, RegExp][] = [
    ['{', /^not JSON: /],
    ['[]', /^a GeoJSON FeatureCollection is needed, this is something else$/],
    [JSON.stringify(feature([1, 2])), /^a GeoJSON FeatureCollection is needed, this is a Feature$/],
    [collect(), /^the FeatureCollection is empty$/],
    [collect(feature([1, 2]), 7), /feature 2: is not a Feature$/],
    [collect(feature([[1, 2]], {}, 'LineString')), /feature 1: its geometry is a LineString, and has/],
    [collect({ type: 'Feature', geometry: null }), /feature 1: its geometry is missing, and has/],
    [collect(feature(['1', 2])), /feature 1: its coordinates are not \[lng, lat\]$/],
    [
      collect(feature([30.25, 120.15])),
      /feature 1: \[30.25, 120.15\] is not on Earth; GeoJSON puts the longi/,
    ],
    [collect(feature([500, 120])), /feature 1: \[500, 120\] is not on Earth$/],
    [collect(...Array.from({ length: 12 }, () => 1)), /feature 10: is not a Feature\n {2}and 2 more$/],
  ]
  for (const [text, message] of cases) t.throws(() => readPlaces(text), { name: 'UsageFault', message })
})

t.test('the built-in places are a walk apart', async t => {
  t.equal(builtInPlaces.length, 12)
  const centre = centroidOf(builtInPlaces)
  t.ok(builtInPlaces.every(place => measureM(centre, place) < 1_250))
  t.equal(new Set(builtInPlaces.map(({ name }) => name)).size, 12)
})

t.test('places keep their distances wherever they are moved', async t => {
  const anywhere = fc.record({
    lat: fc.double({ min: -70, max: 70, noNaN: true }),
    lng: fc.double({ min: -180, max: 179.9, noNaN: true }),
  })
  fc.assert(
    fc.property(anywhere, to => {
      const moved = shiftAll(builtInPlaces, { from: centroidOf(builtInPlaces), to })
      const isThere = measureM(centroidOf(moved), to) < 1
      return (
        isThere &&
        moved.every((place, i) => {
          const before = measureM(builtInPlaces[i] ?? place, builtInPlaces[0] ?? place)
          return Math.abs(measureM(place, moved[0] ?? place) - before) <= before * 0.005
        })
      )
    }),
  )
  const toPole = () =>
    shiftAll(builtInPlaces, { from: centroidOf(builtInPlaces), to: { lat: 89.99, lng: 0 } })
  t.throws(toPole, UsageFault)
})

t.test('--around is two numbers on Earth', async t => {
  t.same(readAround('-33.857, 151.215'), { lat: -33.857, lng: 151.215 })
  for (const text of ['', '1', '1,', ',1', '1,2,3', '91,0', 'a,b', '1;2']) {
    t.throws(() => readAround(text), UsageFault, text)
  }
})

t.test('money has the decimals of its currency', async t => {
  t.equal(formatMoney(123_456_789n, 'CNY'), '1,234,567.89 CNY')
  t.equal(formatMoney(5n, 'CNY'), '0.05 CNY')
  t.equal(formatMoney(-105n, 'CNY'), '-1.05 CNY')
  t.equal(formatMoney(1_000n, 'JPY'), '1,000 JPY')
})

const places = builtInPlaces.slice(0, 3)
const seed = (options: Partial<SeedOptions> = {}) =>
  seedPlaces({ url, merchantKey, places, idempotencyScope: 'test', ...options })

t.test('a rerun hides nothing twice, and fills what has ended', async t => {
  const first = await seed({ totalMinor: 900n, shares: 3 })
  t.same(
    first.hidden.map(({ place, isNew }) => [place.name, isNew]),
    places.map(({ name }) => [name, true]),
  )
  t.match(first, { refused: { length: 0 }, escrowedMinor: 2_700n, currency: 'CNY' })

  // What was hidden within the second of the server's Date header counts as new.
  await sleep(1_100)
  const again = await seed({ totalMinor: 900n, shares: 3 })
  t.same(
    again.hidden,
    first.hidden.map(hidden => ({ ...hidden, isNew: false })),
  )
  t.equal(again.escrowedMinor, 0n)

  const closed = first.hidden[1]?.id
  await fetch(`${url}/v1/envelopes/${closed}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${merchantKey}` },
  })
  const third = await seed({ totalMinor: 900n, shares: 3 })
  t.same(
    third.hidden.map(({ isNew }) => isNew),
    [false, true, false],
  )
  t.not(third.hidden[1]?.id, closed)

  const other = await seed({ totalMinor: 901n, shares: 3 })
  t.ok(
    other.hidden.every(({ isNew }) => isNew),
    'other terms are another envelope',
  )
  await assertBooks(t, world)
})

t.test('what is refused is told place by place', async t => {
  const told: string[] = []
  const { hidden, refused, escrowedMinor } = await seed({
    totalMinor: 60_000_000n,
    onPlace: ({ status, place }) => void told.push(`${status} ${place.name}`),
  })
  t.equal(hidden.length, 1, 'the wallet pays for one of three')
  t.equal(escrowedMinor, 60_000_000n)
  t.same(
    refused.map(({ problem }) => problem.code),
    ['insufficient_funds', 'insufficient_funds'],
  )
  t.equal(told.length, 3)
  await t.rejects(seed({ merchantKey: 'hbk_test_wrong' }), { name: 'ServerFault', message: /unauthorized/ })
})

t.test('from the command line', async t => {
  const DATA_DIR = t.testdir({})
  const key = ['--key', merchantKey, `--url=${url}`]
  const runs = await Promise.all([
    runTool('seed', [...key, '--around=-33.857,151.215', '--total=500', '--split=equal', '--shares=5'], {
      DATA_DIR,
    }),
    runTool('seed', ['--key', merchantKey, '--url=http://127.0.0.1:1'], { DATA_DIR }),
    runTool('seed', [`--url=${url}`], { DATA_DIR }),
    runTool('seed', [...key, '--expires=soon'], { DATA_DIR }),
    runTool('seed', [...key, `${DATA_DIR}/none.geojson`], { DATA_DIR }),
  ])
  t.same(
    runs.map(({ code }) => code),
    [0, 1, 2, 2, 2],
  )
  const [around, noServer, noKey, badExpiry, noFile] = runs
  t.match(around?.stdout, /^hidden {3}Broadway Mansions \(-33\.8\d+, 151\.2\d+\): [0-9a-f-]{36}$/m)
  t.match(around?.stdout, /^Hidden 12 of 12, 60\.00 CNY in escrow\.$/m)
  t.match(noServer?.stderr, /^no server answers at http:\/\/127\.0\.0\.1:1: start one with npm start/)
  t.match(noKey?.stderr, /^there is no merchant's key in /)
  t.match(badExpiry?.stderr, /^--expires is a time like 90m, 72h or 7d, not soon\n\nUsage: /)
  t.match(noFile?.stderr, /^cannot read .*none\.geojson: ENOENT/)
})
