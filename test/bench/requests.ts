/**
 * Whether service requests cost more where more are open: the same neighbourhoods in two databases, one of 1,000 and
 * one of 100,000 open requests that are spread over a country, through the code that a server runs. Each round asks
 * both, in another order, and is compared with itself, so that whatever else the machine does falls on both.
 */
import type { Client } from 'pg'
import { systemClock } from '#platform/clock.ts'
import { runOnce } from '#platform/idempotency.ts'
import { createLogger } from '#platform/logger.ts'
import { createDatabase, type Database, isRowError } from '#platform/postgres.ts'
import { systemRandom } from '#platform/random.ts'
import { createScriptRunner } from '#platform/redis.ts'
import { type Cell, coarsen, locateCell, toBigInt } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import { ratingRecord } from '../../src/ratings/postgres.ts'
import { actOnDue, expiring, widenDue } from '../../src/requests/due.ts'
import { createLiveRequests } from '../../src/requests/live-requests.ts'
import { createNearby } from '../../src/requests/nearby.ts'
import { dutyRecord, loadLiveRequests, requestRecord } from '../../src/requests/postgres.ts'
import { createTakeGate } from '../../src/requests/redis.ts'
import { offerIdOf } from '../../src/requests/request.ts'
import { createServiceRequests } from '../../src/requests/requests.ts'
import type { TrustOf } from '../../src/requests/ports.ts'
import { createReviewDesk } from '../../src/reviews/desk.ts'
import { reviewRecord } from '../../src/reviews/postgres.ts'
import { readTrustFacts } from '../../src/trust/postgres.ts'
import { trust } from '../../src/trust/trust.ts'
import { addPlayer } from '../helpers/people.ts'
import type { World } from '../helpers/world.ts'
import { type Bench, type Figure, median, quantile } from './figures.ts'
import { type Stores, withStores } from './stores.ts'

const settings = { few: 1_000, many: 100_000, places: 16, perPlace: 40, rounds: 60, warm: 200 }
type RequestSettings = typeof settings

export const requests: Bench = {
  what: 'what a listing and a step of a service request cost where 1,000 and 100,000 are open',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

/** Most of the people of China live in it. */
const country = { south: 22, north: 42, west: 103, east: 121 }
const perStatement = 10_000
const atMost = 1.2
const log = createLogger('warn')

const draw = (from: number, to: number): number => from + Math.random() * (to - from)
const drawPoint = (): Point => ({
  lat: draw(country.south, country.north),
  lng: draw(country.west, country.east),
})

type Neighbourhood = { place: Point; cell9: Cell; requests: readonly Point[] }

function createNeighbourhood(perPlace: number): Neighbourhood {
  const place = drawPoint()
  const near = () => travelFrom(place, { bearingDeg: draw(0, 360), distanceM: draw(0, 2_500) })
  return { place, cell9: coarsen(locateCell(place), 9), requests: Array.from({ length: perPlace }, near) }
}

type Size = { open: number; database: Database; client: Client; act: ReturnType<typeof openVerbs> }

async function run(stores: Stores, given: RequestSettings, say: (line: string) => void) {
  const places = Array.from({ length: given.places }, () => createNeighbourhood(given.perPlace))
  const sizes: Size[] = []
  for (const open of [given.few, given.many]) {
    say(`${open} open requests are planted`)
    const { url, client } = await stores.createDatabase()
    await fill(client, places, open)
    const options = { url, role: 'hexbao_game' as const, connections: 8, onIdleError: () => undefined }
    const database = createDatabase(options)
    stores.undo(() => database.close())
    sizes.push({ open, database, client, act: openVerbs(stores, database, `bench-${open}:`) })
  }
  const rounds: Round[][] = []
  for (let round = -3; round < given.rounds; round++) {
    const turn = sizes.toSorted(() => Math.random() - 0.5)
    const costs = new Map<Size, Round>()
    for (const size of turn) costs.set(size, await measure(size, places, given.warm))
    // The first ones warm up the caches and the compiler.
    if (round >= 0) rounds.push(sizes.flatMap(size => costs.get(size) ?? []))
    if (round % 20 === 19) say(`${round + 1} rounds`)
  }
  const [few, many] = sizes
  if (few === undefined || many === undefined) throw new Error('nothing is measured')
  return {
    figures: (Object.keys(names) as (keyof Round)[]).flatMap(key => describe(key, rounds, sizes)),
    notes: [await stores.describe(many.client), ...(await explain(many.client, places))],
  }
}

/** Milliseconds each: median over the places, or of the five steps of one request. */
type Round = { cold: number; reread: number; warm: number; step: number; clock: number }

const names: Record<keyof Round, string> = {
  cold: 'listing where nobody was before',
  reread: 'all places read again',
  warm: 'listing after a change where somebody stands',
  step: 'a step (post, offer, accept, deliver, confirm)',
  clock: 'a turn of the clock where nothing is due',
}

function describe(key: keyof Round, rounds: readonly Round[][], sizes: readonly Size[]): Figure[] {
  const of = (i: number) => rounds.map(round => round[i]?.[key] ?? Number.NaN)
  const ratios = of(1).map((cost, i) => cost / (of(0)[i] ?? Number.NaN))
  const spread = `${quantile(ratios, 0.25).toFixed(2)} … ${quantile(ratios, 0.75).toFixed(2)}`
  return [
    ...sizes.map(({ open }, i) => ({
      what: `${open} open: ${names[key]}`,
      value: median(of(i)),
      unit: 'ms',
    })),
    { what: `  × the cost of the few (quartiles ${spread})`, value: median(ratios), unit: '', atMost },
  ]
}

/** The neighbourhoods lie scattered among all others. */
async function fill(client: Client, places: readonly Neighbourhood[], open: number): Promise<void> {
  // Planting skips what the triggers would check, row by row.
  await client.query('set session_replication_role = replica')
  const areas = new Set(
    places.flatMap(({ requests: near }) => near.map(point => coarsen(locateCell(point), 7))),
  )
  const points = places.flatMap(({ requests: near }) => near)
  while (points.length < open) {
    const other = drawPoint()
    if (!areas.has(coarsen(locateCell(other), 7))) points.push(other)
  }
  points.sort(() => Math.random() - 0.5)
  for (let i = 0; i < points.length; i += perStatement) await plant(client, points.slice(i, i + perStatement))
  await client.query('set session_replication_role = origin')
  await client.query('vacuum analyze service_requests')
}

const plantText = `insert into service_requests (id, poster_id, mode, category, text, instructions, place, cell_r12,
    currency, price, state, reach_m, due_at, deliver_within_s, created_at, funded_at, expires_at)
  select gen_random_uuid(), gen_random_uuid(), 'choose', 'queueing', 'Queue for me at the tea house, half an hour',
    'Table for Lin, number 44', st_makepoint(lng, lat)::geography, cell, 'CNY', 3000, 'open', 3000,
    now() + interval '1 day', 21600, now(), now(), now() + interval '1 day'
  from unnest($1::float8[], $2::float8[], $3::bigint[]) as places (lng, lat, cell)`

async function plant(client: Client, points: readonly Point[]): Promise<void> {
  await client.query({ name: 'bench-plant-requests', text: plantText }, [
    points.map(({ lng }) => lng),
    points.map(({ lat }) => lat),
    points.map(point => String(toBigInt(locateCell(point)))),
  ])
}

/** The verbs as a server composes them; whoever posts stands at the place. */
function openVerbs({ redis }: Stores, database: Database, prefix: string) {
  const [clock, random] = [systemClock, systemRandom]
  const at = { cell: locateCell({ lat: 0, lng: 0 }) }
  const trustOf: TrustOf = async (tx, who) => trust(await readTrustFacts(tx, who))
  const ports = {
    ...{ clock, random, isRowError, log, record: requestRecord, players: playerRecord },
    gate: createTakeGate({ redis, runner: createScriptRunner(redis), prefix }),
    ledger: { post: postTransfers, isInsufficientFunds },
    ...{ budgets: { isFrozen: async () => false }, reputations: ratingRecord },
    ...{ trustOf, duties: dutyRecord },
    reviews: createReviewDesk({ record: reviewRecord, trustOf, isSandbox: true }),
    noteAction: async () => undefined,
    announcer: {
      requestOpened: () => undefined,
      requestClosed: () => undefined,
      toPlayer: () => undefined,
    },
  }
  const verbs = createServiceRequests({
    ...{ ...ports, database },
    positions: {
      standing: async () => ({ status: 'ok', cell: at.cell }),
      lastCell: async () => at.cell,
    },
    runOnce: (request, act) => runOnce(database, request, act),
    settings: {
      isSandbox: true,
      currencies: new Map([['CNY', 2]]),
      ...{ dayZone: 'UTC', hmacSecret: 'h'.repeat(32), cancelFeePercent: 0 },
    },
  })
  const due = { ...ports, transact: database.transact }
  return {
    /** One request from posting to its pay, in milliseconds a step. */
    async live(place: Point): Promise<number> {
      at.cell = locateCell(place)
      const world = { database, clock, random } as unknown as World
      const [poster, provider] = [await addPlayer(world, { walletMinor: 3_000n }), await addPlayer(world)]
      const startedMs = performance.now()
      const posted = await verbs.post({
        caller: poster,
        idempotencyKey: poster.id,
        body: {
          place: { type: 'Point', coordinates: [place.lng, place.lat] },
          ...{ mode: 'choose', category: 'queueing', text: 'Queue for me' },
          price: { amountMinor: '3000', currency: 'CNY' },
        },
      })
      if (posted.status !== 201) throw new Error(JSON.stringify(posted))
      const { id } = posted.body
      await verbs.offer({ caller: provider, id, note: undefined })
      await verbs.accept({ caller: poster, id, offerId: offerIdOf(id, provider.id) })
      await verbs.deliver({ caller: provider, id })
      const confirmed = await verbs.confirm({ caller: poster, id })
      if (confirmed.status !== 200) throw new Error(JSON.stringify(confirmed))
      return (performance.now() - startedMs) / 5
    },
    async turn(): Promise<number> {
      const startedMs = performance.now()
      await actOnDue(due, expiring)
      await actOnDue(due, ['delivered'])
      await widenDue(due)
      return performance.now() - startedMs
    },
  }
}

async function measure(
  { database, act }: Size,
  places: readonly Neighbourhood[],
  warm: number,
): Promise<Round> {
  const live = createLiveRequests({
    loadRequests: cells7 => loadLiveRequests(database, cells7),
    feed: { follow: async () => undefined, unfollow: () => undefined },
    ...{ clock: systemClock, log },
  })
  const nearby = createNearby(live)
  const list = (cell9: Cell) => {
    const near = nearby.select('bench', nearby.listAt(cell9) ?? [])
    if (near.length === 0) throw new Error('nothing is seen')
    return near
  }
  try {
    const cold: number[] = []
    for (const { cell9 } of places) {
      const startedMs = performance.now()
      nearby.watch(cell9)
      await live.whenLoaded(nearby.cells7At(cell9))
      list(cell9)
      cold.push(performance.now() - startedMs)
    }
    const rereadMs = performance.now()
    await live.reread()
    const reread = performance.now() - rereadMs
    const warmMs = performance.now()
    for (let i = 0; i < warm; i++) {
      const { cell9 } = places[i % places.length] as Neighbourhood
      const [first] = list(cell9)
      if (first === undefined) continue
      live.apply({ type: 'opened', request: { ...first.request, version: first.request.version + 1 } })
      list(cell9)
    }
    const { place } = places[Math.floor(draw(0, places.length))] as Neighbourhood
    const costs = { cold: median(cold), reread, warm: (performance.now() - warmMs) / warm }
    return { ...costs, step: await act.live(place), clock: await act.turn() }
  } finally {
    live.close()
  }
}

/** How PostgreSQL answers, in its own words. */
async function explain(client: Client, places: readonly Neighbourhood[]): Promise<string[]> {
  const cells = new Set((places[0]?.requests ?? []).map(point => coarsen(locateCell(point), 7)))
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers, costs off) select id, poster_id, mode, category, text, currency, price, reach_m,
      expires_at, cell_r9, cell_r7, version from service_requests
      where state in ('open', 'offered') and cell_r7 = any($1::bigint[])`,
    [[...cells].map(cell => String(toBigInt(cell)))],
  )
  return rows.map(row => row['QUERY PLAN'])
}
