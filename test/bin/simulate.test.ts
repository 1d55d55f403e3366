/** `npm run simulate`: how bots move, what is counted, and a small city on the whole server, recorded and replayed. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { areaOfPolygons, builtInArea, readArea } from '../../src/bin/bots/area.ts'
import { fixOf, isBeyondBelief } from '../../src/bin/bots/bot.ts'
import {
  assignProfiles,
  cheatsPercent,
  createCensus,
  honestRefusedPercent,
} from '../../src/bin/bots/census.ts'
import { type Entry, openJournal, readJournal, type Title } from '../../src/bin/bots/journal.ts'
import { chooseGoal, drawSpots, type Journey, type Profile, travel } from '../../src/bin/bots/profiles.ts'
import { judge, type Outcome } from '../../src/bin/bots/report.ts'
import { replayFile, simulate } from '../../src/bin/bots/run.ts'
import { createScreen, drawMap } from '../../src/bin/bots/view.ts'
import { createDice } from '../../src/bin/play/dice.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { measureM } from '../../src/geo/distance.ts'
import { isInside } from '../../src/geo/fill.ts'
import type { Polygons } from '../../src/geo/spread.ts'
import { isSuspicious, MOST_FIXES, scoreWalk } from '../../src/positions/fake-walk.ts'
import { emptyTrack, judgeFix, type Track } from '../../src/positions/track.ts'
import { assertBooks } from '../helpers/books.ts'
import { startPlayServer } from './play-server.ts'
import { runTool } from './run-tool.ts'

/** A V with a narrow foot: most of its box is outside. */
const ring: [number, number][] = [
  ...([
    [121.46, 31.24],
    [121.469, 31.22],
    [121.471, 31.22],
    [121.48, 31.24],
  ] as [number, number][]),
  ...([
    [121.479, 31.24],
    [121.47, 31.222],
    [121.461, 31.24],
    [121.46, 31.24],
  ] as [number, number][]),
]
const polygons: Polygons = [[ring]]
const areas = { polygons: areaOfPolygons(polygons), places: builtInArea() }

const journeys = fc
  .record({
    profile: fc.constantFrom<Profile>('tourist', 'runner', 'sleeper', 'spoofer'),
    area: fc.constantFrom(areas.polygons, areas.places),
    seed: fc.nat(2 ** 31),
    bot: fc.nat(5_000),
    // A runner of 1.6 is at 14.6 km/h in the fastest steps; of those above 16 the server is right to be wary.
    speedMps: fc.double({ min: 0.8, max: 1.6, noNaN: true }),
    noiseM: fc.integer({ min: 3, max: 20 }),
  })
  .map((drawn): Journey => {
    const spots = drawSpots(drawn.area, { seed: drawn.seed, count: 8 })
    return { ...drawn, spots, forMs: 20 * 60_000 }
  })
const isHonest = ({ profile }: Journey): boolean => profile !== 'spoofer'

t.test('the same seed moves in the same way, byte for byte; another one does not', async () => {
  const bytesOf = (journey: Journey) => JSON.stringify([...travel(journey)].map(move => [move, fixOf(move)]))
  fc.assert(
    fc.property(journeys, journey => {
      const bytes = bytesOf(journey)
      const others = [
        { ...journey, seed: journey.seed + 1 },
        { ...journey, bot: journey.bot + 1 },
      ]
      return bytes === bytesOf({ ...journey }) && others.every(other => bytesOf(other) !== bytes)
    }),
    { numRuns: 40 },
  )
})

t.test(
  'whoever travels goes on for the time, forwards, at their speed, near the truth, in the box',
  async () => {
    fc.assert(
      fc.property(journeys.filter(isHonest), journey => {
        const moves = [...travel(journey)]
        const [southWest, northEast] = journey.area.box
        const fastestMps = 1.16 * journey.speedMps * (journey.profile === 'runner' ? 2.2 : 1)
        const strayM = 130
        return moves.every(({ atMs, seen, truth, sleepsMs = 0 }, i) => {
          const before = moves[i - 1]
          const passedS = before === undefined ? 0 : (atMs - before.atMs) / 1_000
          const isOnTime = atMs < journey.forMs && atMs + sleepsMs < journey.forMs && (i === 0 || passedS > 0)
          const isPaced = before === undefined || measureM(before.truth, truth) <= fastestMps * passedS + 1
          const isNear = measureM(seen, truth) <= 2 * journey.noiseM + 0.1
          const nearest = {
            lat: Math.min(northEast.lat, Math.max(southWest.lat, truth.lat)),
            lng: Math.min(northEast.lng, Math.max(southWest.lng, truth.lng)),
          }
          return isOnTime && isPaced && isNear && measureM(truth, nearest) <= strayM
        })
      }),
      { numRuns: 60 },
    )
  },
)

t.test('goals and spots lie inside of the polygons', async () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), seed => {
      const spots = drawSpots(areas.polygons, { seed, count: 20 })
      const dice = createDice(seed)
      let at = spots[0] ?? { lat: 0, lng: 0 }
      const goals = Array.from(
        { length: 20 },
        () => (at = chooseGoal({ area: areas.polygons, spots }, at, dice)),
      )
      return [...spots, ...goals].every(point => isInside(polygons, point))
    }),
    { numRuns: 40 },
  )
})

t.test('by the rules of the server honest bots pass and do not look made up', async () => {
  fc.assert(
    fc.property(journeys.filter(isHonest), journey => {
      let track: Track = emptyTrack
      const moves = [...travel(journey)]
      const isFair = moves.every(({ seen, atMs }) => {
        const reported = { cell: locateCell(seen), accuracyM: seen.accuracyM, atMs }
        const verdict = judgeFix(track, reported, { nowMs: 1_700_000_000_000 + atMs, timeScale: 1 })
        track = verdict.track
        return verdict.status === 'accepted' && !verdict.tooFast
      })
      const samples = moves.map(({ seen, atMs }) => ({ point: seen, accuracyM: seen.accuracyM, atMs }))
      // The server keeps no more of them, and judges no fewer.
      const series = samples.map((_, i) => samples.slice(i, i + MOST_FIXES))
      return isFair && series.every(some => some.length < MOST_FIXES || !isSuspicious(scoreWalk(some)))
    }),
    { numRuns: 40 },
  )
})

t.test('every lie of a spoofer is one: nothing is so fast', async () => {
  fc.assert(
    fc.property(
      journeys.filter(journey => !isHonest(journey)),
      journey => {
        const moves = [...travel(journey)]
        const lies = moves.filter(({ cheat }) => cheat !== undefined)
        let home: { fix: ReturnType<typeof fixOf>; atMs: number } | undefined
        return (
          lies.length > 10 &&
          moves.every(move => {
            const here = { fix: fixOf(move), atMs: move.atMs }
            if (move.cheat !== undefined) return home !== undefined && isBeyondBelief(home, here)
            home = here
            return true
          })
        )
      },
    ),
    { numRuns: 30 },
  )
})

t.test('who might have got there is no cheat', async t => {
  const at = (lat: number, atMs: number) => ({ fix: { lat, lng: 121, accuracyM: 8 }, atMs })
  t.notOk(isBeyondBelief(at(31, 0), at(31.0018, 1_000)), '200 m in a second: jitter and a car')
  t.ok(isBeyondBelief(at(31, 0), at(31.01, 10_000)), '1.1 km in 10 s')
  t.notOk(isBeyondBelief(at(31, 0), at(31.01, 30_000)))
  t.ok(isBeyondBelief(at(31, 0), at(31.2, 60_000)), '22 km in a minute')
  t.notOk(isBeyondBelief(at(31, 0), at(31.2, 230_000)), 'a fast train')
})

t.test('areas are read or refused', async t => {
  const polygon = { type: 'Polygon', coordinates: [ring] }
  const feature = (geometry: object) => ({ type: 'Feature', properties: {}, geometry })
  const collect = (...features: object[]) => ({ type: 'FeatureCollection', features })
  const point = (lng: number, lat: number) => feature({ type: 'Point', coordinates: [lng, lat] })
  const read = (content: unknown) => readArea(JSON.stringify(content))
  t.same(read(polygon).box, areas.polygons.box)
  t.same(read(collect(feature(polygon))).box, areas.polygons.box)
  t.same(read(collect(point(120.15, 30.25), point(120.16, 30.26))).box, [
    { lat: 30.25, lng: 120.15 },
    { lat: 30.26, lng: 120.16 },
  ])
  const flat = ring.map(([lng]) => [lng, 31])
  const cases: [unknown, RegExp][] = [
    [null, /--area is GeoJSON/],
    [{ type: 'LineString', coordinates: ring }, /--area is GeoJSON/],
    [collect(), /--area/],
    [{ ...polygon, coordinates: [ring.slice(0, -1)] }, /area_open/],
    [{ ...polygon, coordinates: [flat] }, /no ground/],
    [collect(point(120, 30), point(121, 30)), /km wide, at most 50/],
    [collect(point(120, 30), feature(polygon)), /has to be a Point/],
  ]
  for (const [content, message] of cases) t.throws(() => read(content), { name: 'UsageFault', message })
  t.throws(() => readArea('{'), { message: /not JSON/ })
})

t.test('the census knows what is unfair, what is a search, and what a lie was worth', async t => {
  const census = createCensus()
  census.noteStand({ status: 'accepted' })
  census.noteStand({ status: 'accepted', paused: 'speed' })
  census.noteStand({ status: 'ignored', reason: 'jump' })
  const far = { status: 'refused', code: 'out_of_reach' } as const
  census.noteTry(far, { isOnSpot: false })
  census.noteTry(far, { isOnSpot: true })
  census.noteTry({ status: 'claimed' }, { isOnSpot: true })
  census.noteTry({ status: 'refused', code: 'ended', reason: 'empty' }, { isOnSpot: false })
  census.noteTry({ status: 'refused', code: 'position_refused', reason: 'speed' }, { isOnSpot: false })
  const counted = census.read()
  t.same(Object.fromEntries(counted.honest.refused), {
    'fix: paused speed': 1,
    'fix: ignored jump': 1,
    'claim: out_of_reach on the spot': 1,
    'claim: position_refused speed': 1,
  })
  t.same(counted.search, { outOfReach: 1, onSpot: 2 })
  t.equal(honestRefusedPercent(counted), 50)
  census.noteLie({ status: 'ignored', reason: 'jump' }, { isWorth: false })
  census.noteLie({ status: 'claimed' }, { isWorth: true })
  census.noteLateLie()
  t.equal(cheatsPercent(census.read()), 50)
  census.noteFind(7, 5_000, { isHonest: true })
  census.noteFind(7, 9_000, { isHonest: true })
  census.noteFind(8, 1_000, { isHonest: false })
  t.same([census.read().finds, census.read().firstFindsMs], [3, [5_000]])
  t.same(assignProfiles(4, ['runner', 'sleeper']), ['runner', 'sleeper', 'runner', 'sleeper'])
  t.same(new Set(assignProfiles(10, ['mix'])), new Set(['tourist', 'runner', 'sleeper', 'spoofer']))
})

t.test('what does not hold is said', async t => {
  const census = createCensus()
  const outcome: Outcome = {
    ...{ bots: ['tourist'], seed: 1, pace: 30, unsettled: 0, tookMs: 1, replayed: undefined },
    counted: census.read(),
    proof: { faults: [], wins: 0, wonMinor: 0n, ledger: { status: 'unseen', why: 'nobody looked' } },
  }
  const strict = { refusedPercent: 0, cheatsPercent: 0, differences: 0 }
  t.same(judge(outcome, strict), [])
  const broken = { ...outcome.proof, faults: ['one share went twice'] }
  t.match(judge({ ...outcome, proof: broken }, strict), [/books/])
  t.match(judge({ ...outcome, unsettled: 2 }, strict), [/2 claims were promised/])
  const replayed = { asked: 3, differences: new Map([['a, now b', 2]]), hints: { gone: 0, new: 0 } }
  t.match(judge({ ...outcome, replayed }, strict), [/2 answers differ/])
  t.same(judge({ ...outcome, replayed }, { ...strict, differences: 2 }), [])
  census.noteStand({ status: 'ignored', reason: 'jump' })
  census.noteLie({ status: 'claimed' }, { isWorth: true })
  census.noteFault('bot 1: gone')
  t.match(judge({ ...outcome, counted: census.read() }, strict), [
    /cut off/,
    /100.000 % of what/,
    /of the cheats/,
  ])
})

async function collectAll(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

t.test('a journal is read as it was written, and nothing else is', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-journal-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'a.ndjson')
  const title: Title = { hexbao: 'bots', version: 1, bots: 2, pace: 60, spots: [{ lat: 31, lng: 121 }] }
  const fix = { lat: 31, lng: 121, accuracyM: 8 }
  const entries = Array.from({ length: 3_000 }, (_, i) => {
    return { t: i, bot: i % 2, do: 'position', fix, got: 'accepted' } as const
  })
  const journal = await openJournal(file, title)
  for (const entry of entries) {
    journal.note(entry)
    await journal.room()
  }
  await journal.close()
  const read = await readJournal(file)
  t.same([read.title, await collectAll(read.entries)], [title, entries])
  const first = (await readFile(file, 'utf8')).split('\n')[0]
  for (const line of ['{', '{"t":1,"bot":0,"do":"fly"}', '{"t":1,"bot":2,"do":"sleep","forMs":1}']) {
    await writeFile(file, `${first}\n${line}\n`)
    const { entries: wrong } = await readJournal(file)
    await t.rejects(collectAll(wrong), { name: 'UsageFault', message: /:2/ }, line)
  }
  await t.rejects(readJournal('package.json'), { name: 'UsageFault' })
  await t.rejects(readJournal(join(folder, 'none')), { name: 'UsageFault' })
  await t.rejects(openJournal(join(folder, 'none', 'b'), title), { name: 'UsageFault' })
})

t.test('the map shows who is where, and is drawn over itself', async t => {
  const [southWest, northEast] = areas.polygons.box
  const sight = { profile: 'tourist', isLie: false, isAsleep: false } as const
  const away = { lat: 0, lng: 0 }
  const map = drawMap(
    areas.polygons,
    [southWest],
    [
      { ...sight, point: northEast },
      { ...sight, point: away },
    ],
  )
  t.match(map[0], /^ {63}t$/)
  t.equal(map.at(-1), '·')
  t.equal(map.join('').replaceAll(' ', ''), 't·')
  const written: string[] = []
  const screen = createScreen(text => written.push(text))
  screen.show(['a', 'b'])
  screen.show(['c', 'd'])
  t.same(written, ['\x1b[2Ka\n\x1b[2Kb\n', '\x1b[2A\x1b[2Kc\n\x1b[2Kd\n'])
})

t.test('a city on the whole server; what it recorded, replayed, is answered alike', async t => {
  const { url, world, merchantKey } = await startPlayServer(t)
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-city-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const [record, again] = [join(folder, 'a.ndjson'), join(folder, 'b.ndjson')]
  const books = { databaseUrl: world.databaseUrl, dataDir: folder }
  const said: string[] = []
  const shared = { url, merchantKey, books, say: (line: string) => void said.push(line) }
  const limits = { refusedPercent: 1, cheatsPercent: 0, differences: 0 }
  const tool = (...args: string[]) =>
    runTool('simulate', [...args, '--url', url, '--key', merchantKey], { DATA_DIR: folder })
  // Meanwhile, as it needs no server.
  const misuses = [['--profile=cat'], ['--replay', record, '--bots=3']]
  const misused = Promise.all(misuses.map(async args => (await tool(...args)).code))
  const outcome = await simulate({
    ...{
      ...shared,
      bots: assignProfiles(10, ['mix']),
      seed: 3,
      speedMps: 1.4,
      noiseM: 8,
      envelopes: 12,
      record,
    },
    ...{ area: builtInArea(), forMs: 2 * 60_000, pace: 60 },
  })
  t.same(judge(outcome, limits), [])
  const { honest, lies, finds, firstFindsMs } = outcome.counted
  t.ok(honest.fixes > 80 && honest.tries > 5, `${honest.fixes} fixes, ${honest.tries} tries`)
  t.ok(lies.told > 0 && lies.worth === 0, `${lies.told} lies`)
  t.ok(finds > 0 && firstFindsMs.length > 0)
  t.equal(outcome.proof.wins, finds, 'as many on record as were told')
  t.ok(said.some(line => /honest refused/.test(line)))

  const replayed = await replayFile({ ...shared, file: record, record: again, pace: undefined })
  t.same(replayed.replayed?.differences, new Map())
  t.ok((replayed.replayed?.asked ?? 0) > 80)
  t.same(judge(replayed, limits), [])
  const asks = async (file: string) =>
    (await collectAll((await readJournal(file)).entries))
      .filter(entry => entry.do === 'position' || entry.do === 'claim')
      .map(entry => ({ ...entry, t: undefined }))
      .sort((a, b) => a.bot - b.bot)
  t.same(await asks(again), await asks(record), 'each bot said the same in the same order')

  // One answer that is another one now.
  const text = await readFile(record, 'utf8')
  await writeFile(record, text.replace('"got":"accepted"', '"got":"ignored jump"'))
  const changed = await tool('--replay', record, '--pace=120', '--json')
  t.equal(changed.code, 1, changed.stderr)
  t.match(JSON.parse(changed.stdout), {
    replayed: { differences: { 'ignored jump, now accepted': 1 } },
    holds: false,
  })
  await assertBooks(t, world)
  t.same(await misused, [2, 2])
})
