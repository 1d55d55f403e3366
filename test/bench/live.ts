/**
 * How long it takes until every server knows that an envelope opened or ended, and until players are told: the shipped
 * servers as processes, all of them in one town with players on each, and events at a steady rate that are written to
 * the record, committed, and announced as `src/envelopes` announces them.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { createPassword } from '#platform/embedded/run-file.ts'
import { createLogger } from '#platform/logger.ts'
import { defaultPrefix } from '#platform/redis.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { bandsAround } from '../../src/hints/band.ts'
import { createAnnouncer } from '../../src/realtime/redis.ts'
import { gatherCrowd, type Onlooker } from './crowd.ts'
import { type Bench, quantile, type Settings } from './figures.ts'
import { close, envelopeAt, plant, type Planted } from './planting.ts'
import { readCpuS, startServers } from './processes.ts'
import { type Stores, withStores } from './stores.ts'

const centre: Point = { lat: 31.2304, lng: 121.4737 }

const settings = {
  servers: 3,
  players: 600,
  probes: 60,
  eventsPerS: 1_000,
  seconds: 60,
  warmupS: 10,
  envelopes: 4_500,
  halfSideM: 6_000,
}
type LiveSettings = Record<keyof typeof settings, number>

export const live: Bench = {
  what: 'from the announcement of an event to the index of each server, and to the frame',
  settings,
  run: (given, say) => withStores(stores => run(stores, given as LiveSettings & Settings, say)),
}

/** Anywhere in the town, a square. */
function somewhere(halfSideM: number): Point {
  const metres = () => (2 * Math.random() - 1) * halfSideM
  const east = travelFrom(centre, { bearingDeg: 90, distanceM: metres() })
  return travelFrom(east, { bearingDeg: 0, distanceM: metres() })
}

async function run(stores: Stores, given: LiveSettings, say: (line: string) => void) {
  const { client, url } = await stores.createDatabase()
  const jwtSecret = createPassword() + createPassword()
  const town: Planted[] = Array.from({ length: given.envelopes }, () =>
    envelopeAt(somewhere(given.halfSideM)),
  )
  await plant(client, town)
  const env = { DATABASE_URL: url, JWT_SECRET: jwtSecret }
  const servers = await startServers(stores, given.servers, { env })
  say(`${servers.length} servers; ${given.players} players come`)
  const heard = createEars()
  const crowd = await gatherCrowd({
    ...{ client, jwtSecret, probes: given.probes, onHeard: heard.hear },
    urls: servers.map(server => server.url),
    places: Array.from({ length: given.players }, () => somewhere(given.halfSideM)),
  })
  stores.undo(() => crowd.forEach(onlooker => onlooker.close()))
  const walking = setInterval(() => crowd[Math.floor(Math.random() * crowd.length)]?.stand(), 16)
  stores.undo(() => clearInterval(walking))

  const events = createEvents(stores, client, town, given)
  say(`${given.warmupS} s to warm up, then ${given.seconds} s`)
  await events.run(given.warmupS, () => undefined)
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  const before = servers.map(({ child }) => readCpuS(child))
  const startedMs = performance.now()
  const announced = await events.run(given.seconds, heard.expect)
  const tookS = (performance.now() - startedMs) / 1_000
  const after = servers.map(({ child }) => readCpuS(child))
  lag.disable()
  await sleep(2_000)
  const cpu = after.map((s, i) => (s - (before[i] ?? 0)) / tookS)

  const figure = (what: string, value: number, atMost?: number) => ({
    ...{ what, value, unit: 'ms' },
    ...(atMost !== undefined && { atMost }),
  })
  const { toIndexMs, toFrameMs } = heard
  return {
    figures: [
      figure('event → index (heard over a tick of 4 ms), p50', quantile(toIndexMs, 0.5)),
      figure('event → index, p99', quantile(toIndexMs, 0.99), 100),
      figure('event → index, slowest', quantile(toIndexMs, 1)),
      figure('event → frame (tick of 250 ms), p50', quantile(toFrameMs, 0.5)),
      figure('event → frame, p99', quantile(toFrameMs, 0.99), 400),
      figure('event → frame, slowest', quantile(toFrameMs, 1)),
      { what: 'events announced a second', value: announced / tookS, unit: '' },
      { what: 'frames told of them', value: toIndexMs.length + toFrameMs.length, unit: '' },
      {
        what: 'players who end up knowing something else',
        value: countAstray(crowd, town),
        unit: '',
        atMost: 0,
      },
      { what: 'cores that the servers used', value: cpu.reduce((sum, cores) => sum + cores, 0), unit: '' },
      figure('the bench itself late, p99', lag.percentile(99) / 1e6),
    ],
    notes: [await stores.describe(client)],
  }
}

/** When something was announced, and how much later who heard of it. */
function createEars() {
  const openedMs = new Map<string, number>()
  const endedMs = new Map<string, number>()
  const [toIndexMs, toFrameMs]: [number[], number[]] = [[], []]
  return {
    toIndexMs,
    toFrameMs,
    expect(type: 'hint' | 'gone', envelopeId: string): void {
      ;(type === 'hint' ? openedMs : endedMs).set(envelopeId, performance.now())
    },
    hear({ isProbe }: Onlooker, { type, envelopeId }: { type: 'hint' | 'gone'; envelopeId: string }): void {
      const sinceMs = (type === 'hint' ? openedMs : endedMs).get(envelopeId)
      if (sinceMs !== undefined) (isProbe ? toIndexMs : toFrameMs).push(performance.now() - sinceMs)
    },
  }
}

const EVERY_MS = 10
const BATCH_MS = 100

/** As many openings as ends; each is committed before it is announced, and announced in its turn. */
function createEvents(stores: Stores, client: Client, town: Planted[], given: LiveSettings) {
  const log = createLogger('warn')
  const announcer = createAnnouncer(stores.redis, { prefix: defaultPrefix, log })
  type Event = { type: 'hint' | 'gone'; one: Planted }

  async function commit(count: number): Promise<Event[]> {
    const opened = Array.from({ length: count }, () => envelopeAt(somewhere(given.halfSideM)))
    const ended = Array.from({ length: count }, () => takeAny(town))
    await plant(client, opened)
    await close(
      client,
      ended.map(({ envelope }) => envelope.id),
    )
    town.push(...opened)
    return opened.flatMap((one, i) => {
      const other = ended[i]
      const opening: Event = { type: 'hint', one }
      return other === undefined ? [opening] : [opening, { type: 'gone', one: other }]
    })
  }

  function announce({ type, one: { envelope } }: Event): void {
    const { id, cell7 } = envelope
    if (type === 'hint') announcer.envelopeOpened(envelope)
    else announcer.envelopeEnded({ id, cell7, reason: 'closed' })
  }

  return {
    async run(seconds: number, onEvent: (type: Event['type'], envelopeId: string) => void): Promise<number> {
      const perBatch = Math.round((given.eventsPerS * BATCH_MS) / 2_000)
      const startedMs = performance.now()
      let announced = 0
      const queue: Event[] = []
      let committing: Promise<unknown> | undefined
      for (;;) {
        const elapsedMs = performance.now() - startedMs
        if (elapsedMs > seconds * 1_000) break
        if (queue.length < 2 * perBatch) {
          committing ??= commit(perBatch).then(events => {
            queue.push(...events)
            committing = undefined
          })
        }
        for (
          const due = (elapsedMs / 1_000) * given.eventsPerS;
          announced < due && queue.length > 0;
          announced++
        ) {
          const event = queue.shift()
          if (event === undefined) break
          onEvent(event.type, event.one.envelope.id)
          announce(event)
        }
        await sleep(EVERY_MS)
      }
      await committing
      queue.forEach(announce)
      return announced
    },
  }
}

function takeAny(town: Planted[]): Planted {
  const at = Math.floor(Math.random() * town.length)
  const [one, last] = [town[at], town.pop()]
  if (one === undefined || last === undefined) throw new Error('the town is empty')
  if (one !== last) town[at] = last
  return one
}

/** Players who see no more than a list holds, and know something else than what lives around them. */
function countAstray(crowd: readonly Onlooker[], town: readonly Planted[]): number {
  const byCell = new Map<string, string[]>()
  for (const { envelope } of town)
    byCell.set(envelope.cell10, [...(byCell.get(envelope.cell10) ?? []), envelope.id])
  return crowd.filter(({ cell10, known }) => {
    const there = [...bandsAround(cell10).keys()].flatMap(cell => byCell.get(cell) ?? [])
    return there.length <= 50 && (there.length !== known.size || !there.every(id => known.has(id)))
  }).length
}
