/**
 * Whether hints cost more where more envelopes live: the same neighbourhoods in databases of 10^3 to 10^6 live
 * envelopes that are spread over the country, through the code that a server runs. Each round asks all databases, in
 * another order, and is compared with itself, so that whatever else the machine does falls on all of them.
 */
import type { Client } from 'pg'
import { systemClock } from '#platform/clock.ts'
import { createLogger } from '#platform/logger.ts'
import { createDatabase, type Database } from '#platform/postgres.ts'
import { type Cell, coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { cells7Around } from '../../src/hints/area.ts'
import { createAround } from '../../src/hints/around.ts'
import { createLiveIndex } from '../../src/hints/live-index.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import { findEnds, loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import { type Bench, type Figure, median, quantile } from './figures.ts'
import { envelopeAt, plant, type Planted } from './planting.ts'
import { type Stores, withStores } from './stores.ts'

const settings = { largest: 6, places: 16, perPlace: 40, rounds: 60, warm: 500 }
type HintSettings = typeof settings

export const hints: Bench = {
  what: 'what a hint costs where 10^3 … 10^6 envelopes live, with the neighbourhood alike',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

/** Most of the people of China live in it. */
const country = { south: 22, north: 42, west: 103, east: 121 }
const smallest = 3
const perStatement = 10_000

const draw = (from: number, to: number): number => from + Math.random() * (to - from)

type Neighbourhood = { place: Point; cell10: Cell; area: readonly Cell[]; envelopes: readonly Planted[] }

function createNeighbourhood(perPlace: number): Neighbourhood {
  const place = { lat: draw(country.south, country.north), lng: draw(country.west, country.east) }
  const cell10 = coarsen(locateCell(place), 10)
  const near = () => travelFrom(place, { bearingDeg: draw(0, 360), distanceM: draw(0, 1_500) })
  const envelopes = Array.from({ length: perPlace }, () => envelopeAt(near()))
  return { place, cell10, area: cells7Around(cell10), envelopes }
}

type Size = { live: number; database: Database; client: Client }

async function run(stores: Stores, given: HintSettings, say: (line: string) => void) {
  const places = Array.from({ length: given.places }, () => createNeighbourhood(given.perPlace))
  const sizes: Size[] = []
  for (let exponent = smallest; exponent <= given.largest; exponent++) {
    const live = 10 ** exponent
    say(`${live} live envelopes are planted`)
    const { url, client } = await stores.createDatabase()
    await fill(client, places, live)
    const database = createDatabase({
      url,
      role: 'hexbao_game',
      connections: 8,
      onIdleError: () => undefined,
    })
    stores.undo(() => database.close())
    sizes.push({ live, database, client })
  }
  const rounds: Round[][] = []
  for (let round = -2; round < given.rounds; round++) {
    const turn = round < 0 ? sizes : sizes.toSorted(() => Math.random() - 0.5)
    const costs = new Map<Size, Round>()
    for (const size of turn) costs.set(size, await measure(size, places, given.warm))
    // The first ones warm up the caches and the compiler.
    if (round >= 0) rounds.push(sizes.flatMap(size => costs.get(size) ?? []))
    if (round % 20 === 19) say(`${round + 1} rounds`)
  }
  const largest = sizes.at(-1)
  if (largest === undefined) throw new Error('nothing is measured')
  return {
    figures: sizes.flatMap((size, i) => describeSize(size.live, rounds, i)),
    notes: [await stores.describe(largest.client), ...(await explain(largest.client, places))],
  }
}

/** Milliseconds each: median over the places, or of many. */
type Round = { cold: number; reread: number; warm: number }

function describeSize(live: number, rounds: readonly Round[][], i: number): Figure[] {
  const names: Record<keyof Round, string> = {
    cold: 'nobody was there before',
    reread: 'all places read again',
    warm: 'a change where somebody stands',
  }
  return (Object.keys(names) as (keyof Round)[]).flatMap(key => {
    const value = median(rounds.map(round => round[i]?.[key] ?? Number.NaN))
    const ratios = rounds.map(round => (round[i]?.[key] ?? Number.NaN) / (round[0]?.[key] ?? Number.NaN))
    const what = `${live} live: ${names[key]}`
    const spread = `${quantile(ratios, 0.25).toFixed(2)} … ${quantile(ratios, 0.75).toFixed(2)}`
    const ratio = {
      what: `  × the cost at 1000 (quartiles ${spread})`,
      value: median(ratios),
      unit: '',
      atMost: 1.2,
    }
    return [{ what, value, unit: 'ms' }, ...(i === 0 ? [] : [ratio])]
  })
}

/** The neighbourhoods lie scattered among all others, as they do when a country hides. */
async function fill(client: Client, places: readonly Neighbourhood[], live: number): Promise<void> {
  // Planting skips what the triggers would check, row by row.
  await client.query('set session_replication_role = replica')
  const areas = new Set(places.flatMap(({ area }) => area))
  const wanted = places.flatMap(({ envelopes }) => envelopes).toSorted(() => Math.random() - 0.5)
  const chunks = Math.ceil(live / perStatement)
  for (let chunk = 0; chunk < chunks; chunk++) {
    const size = Math.min(perStatement, live - chunk * perStatement)
    const some = wanted.splice(0, Math.ceil(wanted.length / (chunks - chunk)))
    while (some.length < size) {
      const lat = draw(country.south, country.north)
      const other = envelopeAt({ lat, lng: draw(country.west, country.east) })
      if (!areas.has(other.envelope.cell7)) some.push(other)
    }
    await plant(
      client,
      some.toSorted(() => Math.random() - 0.5),
    )
  }
  await client.query('vacuum analyze envelopes')
}

async function measure({ database }: Size, places: readonly Neighbourhood[], warm: number): Promise<Round> {
  const index = createLiveIndex({
    loadEnvelopes: cells7 => loadLiveEnvelopes(database, cells7),
    findEnds: ids => findEnds(database, ids),
    feed: { follow: async () => undefined, unfollow: () => undefined },
    clock: systemClock,
    log: createLogger('warn'),
  })
  const around = createAround({ index, selectHints: createHintSelector('h'.repeat(32)) })
  const viewer = { id: 'bench', claimedIds: new Set<string>() }
  try {
    const cold: number[] = []
    for (const { cell10, area } of places) {
      const startedMs = performance.now()
      around.watch(cell10)
      await index.whenLoaded(area)
      const seen = around.hintsAround(viewer, cell10)
      cold.push(performance.now() - startedMs)
      if (seen === undefined || seen.hints.length === 0) throw new Error('nothing is seen')
    }
    const reread: number[] = []
    for (let i = 0; i < 3; i++) {
      const startedMs = performance.now()
      await index.reread()
      reread.push(performance.now() - startedMs)
    }
    const startedMs = performance.now()
    for (let i = 0; i < warm; i++) {
      const { place, cell10 } = at(places, i)
      const { envelope } = envelopeAt(place)
      index.apply({ type: 'opened', envelope })
      around.hintsAround(viewer, cell10)
      index.apply({ type: 'ended', id: envelope.id, cell7: envelope.cell7, reason: 'closed' })
      around.hintsAround(viewer, cell10)
    }
    return { cold: median(cold), reread: median(reread), warm: (performance.now() - startedMs) / warm }
  } finally {
    index.close()
  }
}

const at = <V>(values: readonly V[], i: number): V => values[i % values.length] as V

/** How PostgreSQL answers, in its own words. */
async function explain(client: Client, places: readonly Neighbourhood[]): Promise<string[]> {
  const cells = (places[0]?.area ?? []).map(cell => String(BigInt(`0x${cell}`)))
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers, costs off) select id, cell_r10, cell_r7, hider_kind, hider_id, audience, greeting,
     brand, clue from envelopes where state = 'live' and cell_r7 = any($1::bigint[])`,
    [cells],
  )
  return rows.map(row => row['QUERY PLAN'])
}
