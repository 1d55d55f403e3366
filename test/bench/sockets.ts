/**
 * What the server adds to a socket: a position that changes what is near against an echo, one event to everybody
 * against a broadcast of the same bytes, and what an idle player keeps in memory, each against a bare `ws` in a process
 * of its own, with as many sockets, in the same rounds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { createPassword } from '#platform/embedded/run-file.ts'
import { createLogger } from '#platform/logger.ts'
import { defaultPrefix } from '#platform/redis.ts'
import { socketPath } from '#protocol/ws/frame.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { createAnnouncer } from '../../src/realtime/redis.ts'
import { type Bench, figureOf, median, type Outcome, ratioOf } from './figures.ts'
import { inspect, type Inspected, type Memory } from './heap.ts'
import type { Heard, Loaded } from './loader.ts'
import { enrol, fixThere } from './party.ts'
import { close, envelopeAt, plant } from './planting.ts'
import { startServers, startWorker, type Worker } from './processes.ts'
import { type Stores, withStores } from './stores.ts'

const settings = { sockets: 5_000, talkers: 5_000, rounds: 9, seconds: 2, events: 10, warmups: 1 }
type SocketSettings = typeof settings

export const sockets: Bench = {
  what: 'positions, fan-out and memory of sockets against a bare ws',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

const here: Point = { lat: fixThere.lat, lng: fixThere.lng }

/** Two points some steps apart, between which the hint cell changes, and with it how near everything is. */
function findEdge(): [Point, Point] {
  const cellOf = (point: Point) => coarsen(locateCell(point), 10)
  const eastwards = (distanceM: number) => travelFrom(here, { bearingDeg: 90, distanceM })
  for (let distanceM = 0; distanceM < 500; distanceM++) {
    if (cellOf(eastwards(distanceM)) !== cellOf(here))
      return [eastwards(distanceM - 12), eastwards(distanceM + 12)]
  }
  throw new Error('no cell is so large')
}

const positionAt = (point: Point, id: string) =>
  JSON.stringify({ type: 'position', id, fix: { ...point, accuracyM: 8 } })

/** A place to talk to: the server or the bare one, with its own load. */
type Side = {
  loader: Worker
  talk(): Promise<Loaded>
  /**
   * One event to everybody: milliseconds until the last has heard of it. These players' time is fast, and so is their
   * tick (4 ms): hardly anything of it is waiting, which would say nothing of throughput.
   */
  fanOut(): Promise<number>
}

async function run(stores: Stores, given: SocketSettings, say: (line: string) => void): Promise<Outcome> {
  const { client, url } = await stores.createDatabase()
  const env = { DATABASE_URL: url, JWT_SECRET: createPassword() + createPassword() }
  const [ourHeap, bareHeap] = [await inspect(), await inspect()]
  const [server] = await startServers(stores, 1, { env, nodeArgs: ourHeap.nodeArgs })
  if (server === undefined) throw new Error('no server')
  const bare = startWorker(stores, './bare.ts', { env, nodeArgs: bareHeap.nodeArgs })
  const bareUrl = await bare.ask<string>({ do: 'listen' })
  const players = await enrol(client, env.JWT_SECRET, given.sockets)
  const [inside, outside] = findEdge()
  await plant(client, [envelopeAt(inside)])

  const tokens = players.map(({ token }) => token)
  const gather = async () => {
    const loader = startWorker(stores, './loader.ts')
    await loader.ask({ do: 'gather', tokens, body: {} })
    return loader
  }
  const texts = [positionAt(outside, '1'), positionAt(inside, '2')]
  const ours = openOurs(stores, { client, loader: await gather(), given, texts, inside })
  const theirs = openBare(bare, { loader: await gather(), given, texts, sample: ours.sample })

  const openings = {
    ours: { loader: ours.loader, heap: ourHeap, url: server.url, greeting: positionAt(inside, '0') },
    bare: { loader: theirs.loader, heap: bareHeap, url: bareUrl },
  }
  const idle = await openAll(openings, given.sockets, say)
  return report(stores, client, { idle, ...(await playRounds({ ours, theirs }, given, say)) })
}

/** Long enough for each socket to be pinged once and for what a player left in caches to fade: nobody does anything. */
const IDLE_MS = 45_000

type Opened = { loader: Worker; heap: Inspected; url: string; greeting?: string }

async function openAll(
  sides: Record<keyof Idle, Opened>,
  sockets: number,
  say: (line: string) => void,
): Promise<Idle> {
  // What the first sockets bring along for all that follow is not theirs.
  const first = Math.ceil(sockets / 20)
  async function open(count: number): Promise<Record<keyof Idle, Memory>> {
    for (const { loader, url, greeting } of Object.values(sides)) {
      await loader.ask({
        do: 'open',
        url,
        path: socketPath,
        count,
        ...(greeting !== undefined && { greeting }),
      })
    }
    say(`${count} sockets open on both sides, idle for ${IDLE_MS / 1_000} s`)
    await sleep(IDLE_MS)
    return { ours: await sides.ours.heap.measure(), bare: await sides.bare.heap.measure() }
  }
  const [before, after] = [await open(first), await open(sockets)]
  const kib = (bytes: number) => bytes / (sockets - first) / 1_024
  const growthOf = (name: keyof Idle) => ({
    held: kib(after[name].held - before[name].held),
    rss: kib(after[name].rss - before[name].rss),
  })
  return { ours: growthOf('ours'), bare: growthOf('bare') }
}

/** KiB for each socket. */
type Idle = Record<'ours' | 'bare', Memory>

type Ours = { client: Client; loader: Worker; given: SocketSettings; texts: readonly string[]; inside: Point }

function openOurs(
  stores: Stores,
  { client, loader, given, texts, inside }: Ours,
): Side & { sample(): string } {
  const announcer = createAnnouncer(stores.redis, { prefix: defaultPrefix, log: createLogger('warn') })
  const everybody = { do: 'expect', count: given.sockets }
  let sample = ''
  return {
    loader,
    sample: () => sample,
    async talk() {
      const answers = ['"type":"position.ack"', '"type":"error"']
      const loaded = await loader.ask<Loaded>({ ...talkJob(given, texts), answers })
      const isTold = loaded.frames > 1.8 * loaded.answers && loaded.counts['"type":"error"'] === undefined
      if (!isTold) throw new Error(`positions without hints: ${JSON.stringify(loaded)}`)
      return loaded
    },
    async fanOut() {
      const one = envelopeAt(inside)
      const { id, cell7 } = one.envelope
      await plant(client, [one])
      await loader.ask({ ...everybody, text: `"type":"hint","envelopeId":"${id}"` })
      const startMs = Date.now()
      announcer.envelopeOpened(one.envelope)
      const heard = await loader.ask<Heard>({ do: 'heard' })
      sample = heard.sample
      await close(client, [id])
      await loader.ask({ ...everybody, text: `"type":"gone","envelopeId":"${id}"` })
      announcer.envelopeEnded({ id, cell7, reason: 'closed' })
      await loader.ask({ do: 'heard' })
      return heard.atMs - startMs
    },
  }
}

type Bare = { loader: Worker; given: SocketSettings; texts: readonly string[]; sample: () => string }

const openBare = (bare: Worker, { loader, given, texts, sample }: Bare): Side => ({
  loader,
  talk: () => loader.ask<Loaded>({ ...talkJob(given, texts), answers: [] }),
  async fanOut() {
    const text = sample()
    await loader.ask({ do: 'expect', count: given.sockets, text })
    const startMs = await bare.ask<number>({ do: 'broadcast', text })
    const { atMs } = await loader.ask<Heard>({ do: 'heard' })
    return atMs - startMs
  },
})

const talkJob = ({ talkers, seconds }: SocketSettings, texts: readonly string[]) => ({
  ...{ do: 'talk', texts, sockets: talkers, forMs: seconds * 1_000 },
})

type Measured = {
  positions: number[]
  echoes: number[]
  /** Frames a second, of all sockets. */
  told: number[]
  broadcast: number[]
  p99Ms: number[]
}

type Sides = { ours: Side; theirs: Side }

async function playRounds(
  { ours, theirs }: Sides,
  given: SocketSettings,
  say: (line: string) => void,
): Promise<Measured> {
  const measured: Measured = { positions: [], echoes: [], told: [], broadcast: [], p99Ms: [] }
  for (let round = -given.warmups; round < given.rounds; round++) {
    const isCounted = round >= 0
    const turn = [ours, theirs]
    // The first bare broadcast needs the bytes of ours.
    if (isCounted && round % 2 === 1) turn.reverse()
    for (const side of turn) {
      const { answers, tookMs, p99Ms } = await side.talk()
      const fanOutsMs: number[] = []
      for (let event = 0; event < given.events; event++) fanOutsMs.push(await side.fanOut())
      if (!isCounted) continue
      const isOurs = side === ours
      measured[isOurs ? 'positions' : 'echoes'].push((answers * 1_000) / tookMs)
      measured[isOurs ? 'told' : 'broadcast'].push((given.sockets * 1_000) / median(fanOutsMs))
      if (isOurs) measured.p99Ms.push(p99Ms)
    }
    if (isCounted) say(`round ${round + 1} of ${given.rounds}`)
  }
  return measured
}

type Found = Measured & { idle: Idle }

async function report(stores: Stores, client: Client, found: Found): Promise<Outcome> {
  const { idle, positions, echoes, told, broadcast, p99Ms } = found
  return {
    figures: [
      figureOf('bare ws: echoes of a position', '/s', echoes),
      figureOf('positions that change a hint, acknowledged with it', '/s', positions),
      ratioOf('of the echo', { ours: positions, theirs: echoes }, { atLeast: 0.4 }),
      figureOf('p99 of a position until its hint, everybody moving', 'ms', p99Ms),
      figureOf('bare ws: one event to all, frames', '/s', broadcast),
      figureOf('one envelope opens: hints to all, frames', '/s', told),
      ratioOf('of the broadcast of the same bytes', { ours: told, theirs: broadcast }, { atLeast: 0.8 }),
      { what: 'idle bare socket: held in memory', value: idle.bare.held, unit: 'KiB' },
      { what: 'idle player: held in memory', value: idle.ours.held, unit: 'KiB' },
      { what: '  of the bare socket', value: idle.ours.held / idle.bare.held, unit: '×', atMost: 2 },
      { what: 'idle bare socket: growth of the process', value: idle.bare.rss, unit: 'KiB' },
      { what: 'idle player: growth of the process', value: idle.ours.rss, unit: 'KiB' },
    ],
    notes: [await stores.describe(client)],
  }
}
