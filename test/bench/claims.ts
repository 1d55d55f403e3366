/**
 * What claims cost on the machine as it is, each figure beside its baseline in the same round: one server as it ships
 * and the load, each in a process of its own, with PostgreSQL and Redis on the same cores. Rounds take turns in their
 * order, so that whatever else the machine does, and whatever grows meanwhile, falls on both sides.
 */
import type { Redis } from 'ioredis'
import { createPassword } from '#platform/embedded/run-file.ts'
import { createDatabase } from '#platform/postgres.ts'
import { createScriptRunner, defaultPrefix } from '#platform/redis.ts'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { socketPath } from '#protocol/ws/frame.ts'
import type { ClaimGate } from '../../src/claims/gate.ts'
import { createClaimGate } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { countDifferences, reconcileLedger } from '../../src/ledger/reconcile.ts'
import { type Bench, type Figure, figureOf, type Outcome, ratioOf } from './figures.ts'
import type { Loaded } from './loader.ts'
import { createOrganiser, enrol, fixThere, type Organiser, type Player } from './party.ts'
import { readCpuOfAllS, readCpuS, type Running, startServers, startWorker, type Worker } from './processes.ts'
import { createReserves, type Reserves } from './reserves.ts'
import { createRawGrants, type RawGrants } from './settling.ts'
import { type Stores, withStores } from './stores.ts'

const settings = {
  ...{ players: 2_000, connections: 256, rounds: 9, warmups: 1, seconds: 1.5 },
  /** Who rush at one envelope of a hundred shares, as `npm run load` does; and at one with a share for each. */
  ...{ rushers: 2_000, served: 500 },
  reserves: 40_000,
}
type ClaimSettings = typeof settings

export const claims: Bench = {
  what: 'claims over HTTP and sockets against a bare Fastify, raw Redis, raw PostgreSQL and a naive build',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

/** Rates a second; rates per core of the server where they are compared; µs of processor time an answer. */
type Round = Record<
  | 'bare'
  | 'ended'
  | 'lost'
  | 'repeated'
  | 'granted'
  | 'endedServerUs'
  | 'lostServerUs'
  | 'lostRedisUs'
  | 'grantedServerUs'
  | 'grantedRedisUs'
  | 'grantedPostgresUs'
  | 'endedPerCore'
  | 'repeatedPerCore'
  | 'socketEnded'
  | 'socketRepeated'
  | 'socketEndedPerCore'
  | 'socketRepeatedPerCore'
  | 'rawGrants'
  | 'rush'
  | 'naiveRush'
  | 'hotGrants'
  | 'naiveGrants'
  | 'reserves'
  | 'rawReserves',
  number
>

type Stage = {
  given: ClaimSettings
  server: Running
  bareUrl: string
  loader: Worker
  organiser: Organiser
  players: readonly Player[]
  /** Never asks for anything. */
  absent: Player
  redis: Redis
  gate: ClaimGate
  reserves: Reserves
  rawGrants: RawGrants
  /** An envelope that is over, and one that every player has won of and that goes on. */
  known: { ended: string; won: string }
}

async function run(stores: Stores, given: ClaimSettings, say: (line: string) => void): Promise<Outcome> {
  const { client, url } = await stores.createDatabase()
  const env = {
    ...{ DATABASE_URL: url, JWT_SECRET: createPassword() + createPassword() },
    OPERATOR_KEY: `hbo_${createPassword()}${createPassword()}`,
  }
  const [server] = await startServers(stores, 1, { env })
  if (server === undefined) throw new Error('no server')
  const bare = startWorker(stores, './bare.ts', { env })
  const loader = startWorker(stores, './loader.ts')
  const [absent, ...players] = await enrol(client, env.JWT_SECRET, given.players + 1)
  if (absent === undefined) throw new Error('nobody is there')
  await loader.ask({ do: 'gather', tokens: players.map(({ token }) => token), body: { fix: fixThere } })
  const organiser = await createOrganiser(server.url, env.OPERATOR_KEY)
  const ids = players.map(({ id }) => id)
  const stage: Stage = {
    ...{ given, server, loader, organiser, players, absent },
    ...{ redis: stores.redis, gate: openGate(stores.redis) },
    bareUrl: await bare.ask<string>({ do: 'listen' }),
    reserves: await createReserves(stores),
    rawGrants: createRawGrants(stores, url, ids),
    known: { ended: await organiser.hide(1), won: await organiser.hide(players.length + 1) },
  }
  await prepare(stage)
  const rounds: Round[] = []
  for (let round = -given.warmups; round < given.rounds; round++) {
    const measured = await measure(stage, Math.abs(round) % 2 === 1)
    if (round >= 0) rounds.push(measured)
    say(`round ${round + 1} of ${given.rounds}: ${describeRound(measured)}`)
  }
  const database = createDatabase({ url, role: 'hexbao_game', connections: 1, onIdleError: () => undefined })
  stores.undo(() => database.close())
  const differences = countDifferences(await reconcileLedger({ record: reconcileRecord, database }))
  return {
    figures: [
      ...describe(rounds),
      { what: 'differences in the books afterwards', value: differences, unit: '', atMost: 0 },
    ],
    notes: [await stores.describe(client)],
  }
}

const describeRound = (round: Partial<Round>): string =>
  Object.entries(round)
    .map(([name, rate]) => `${name} ${Math.round(rate)}`)
    .join(', ')

/** Everybody wins one share, so that later they repeat; and every token and position is known. */
async function prepare(stage: Stage): Promise<void> {
  const { loader, players, known, given, server, bareUrl } = stage
  const once = { do: 'http', path: claimEnvelope.path, connections: given.connections }
  const until = 'everybody was answered'
  for (const envelopeId of [known.won, known.ended]) {
    const job = { ...once, url: server.url, envelopeIds: [envelopeId], until }
    const { counts } = await loader.ask<Loaded>(job)
    const won = envelopeId === known.won ? players.length : 1
    if (counts.claimed !== won) throw new Error(`not everybody is ready: ${JSON.stringify(counts)}`)
  }
  await loader.ask({ ...once, url: bareUrl, envelopeIds: [known.won], until })
  const greeting = JSON.stringify({ type: 'position', fix: fixThere })
  await loader.ask({ do: 'open', url: server.url, path: socketPath, count: given.connections, greeting })
}

async function measure(stage: Stage, isReversed: boolean): Promise<Round> {
  const round: Partial<Round> = {}
  const steps = [
    () => askHttp(stage, round),
    () => askSockets(stage, round),
    () => grant(stage, round),
    () => rush(stage, round),
    () => reserve(stage, round),
  ]
  for (const step of isReversed ? steps.reverse() : steps) await step()
  return round as Round
}

const rateOf = ({ answers, tookMs }: Loaded): number => (answers * 1_000) / tookMs

type Cost = { server: number; redis: number; postgres: number }

/** Of one answer, in µs of processor time. */
type Measured = { rate: number; perCore: number; us: Cost }

async function readCosts({ server, redis }: Stage): Promise<Cost> {
  const [user, system] = ['used_cpu_user', 'used_cpu_sys'].map(name => new RegExp(`${name}:([\\d.]+)`))
  const info = await redis.info('cpu')
  const secondsOf = (field?: RegExp) => Number(field?.exec(info)?.[1])
  return {
    server: readCpuS(server.child),
    redis: secondsOf(user) + secondsOf(system),
    postgres: readCpuOfAllS('postgres'),
  }
}

/** Of the answers to `job`, all but a few stragglers have to be what is measured. */
async function load(stage: Stage, job: object, expected: string): Promise<Measured> {
  const before = await readCosts(stage)
  const loaded = await stage.loader.ask<Loaded>(job)
  const after = await readCosts(stage)
  const usOf = (part: keyof Cost) => ((after[part] - before[part]) * 1e6) / loaded.answers
  if ((loaded.counts[expected] ?? 0) < 0.95 * loaded.answers) {
    throw new Error(`${expected} was to be measured, and not ${JSON.stringify(loaded.counts)}`)
  }
  const us = { server: usOf('server'), redis: usOf('redis'), postgres: usOf('postgres') }
  return { rate: rateOf(loaded), perCore: 1e6 / us.server, us }
}

const httpJob = ({ given, server }: Stage, envelopeIds: readonly string[], url = server.url) => ({
  ...{ do: 'http', url, path: claimEnvelope.path, envelopeIds, connections: given.connections },
  until: { forMs: given.seconds * 1_000 },
})

async function askHttp(stage: Stage, round: Partial<Round>): Promise<void> {
  const { known, bareUrl } = stage
  round.bare = (await load(stage, httpJob(stage, [known.won], bareUrl), 'claimed')).rate
  const ended = await load(stage, httpJob(stage, [known.ended]), 'ended')
  const repeated = await load(stage, httpJob(stage, [known.won]), 'claimed')
  const lost = await load(stage, httpJob(stage, [await holdLastShare(stage)]), 'try_again')
  Object.assign(round, { ended: ended.rate, repeated: repeated.rate, lost: lost.rate })
  Object.assign(round, { endedPerCore: ended.perCore, repeatedPerCore: repeated.perCore })
  Object.assign(round, {
    endedServerUs: ended.us.server,
    lostServerUs: lost.us.server,
    lostRedisUs: lost.us.redis,
  })
}

const openGate = (redis: Redis): ClaimGate =>
  createClaimGate({ redis, runner: createScriptRunner(redis), prefix: defaultPrefix, nowMs: Date.now })

/**
 * An envelope whose last share is reserved and not settled, as a server leaves it that dies in between: until another
 * one's sweeper comes, after 3 s, everybody loses to it in Redis. The first are kept waiting, for 60 ms.
 */
async function holdLastShare({ organiser, gate, players, absent, server }: Stage): Promise<string> {
  const envelopeId = await organiser.hide(2)
  const [first] = players
  const path = claimEnvelope.path.replace('{id}', envelopeId)
  const headers = { authorization: `Bearer ${first?.token}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ fix: fixThere })
  const won = await fetch(`${server.url}${path}`, { method: 'POST', headers, body })
  if (won.status !== 200) throw new Error(await won.text())
  const epoch = (await gate.storedEpoch(envelopeId)) ?? 0
  await gate.reserve(partitionOf(envelopeId), [{ envelopeId, playerId: absent.id, epoch }], Date.now())
  return envelopeId
}

async function askSockets(stage: Stage, round: Partial<Round>): Promise<void> {
  const { given, known } = stage
  const job = (envelopeId: string, answers: readonly string[]) => ({
    ...{ do: 'talk', sockets: given.connections, forMs: given.seconds * 1_000, answers },
    texts: [JSON.stringify({ type: 'claim', envelopeId, fix: fixThere })],
  })
  const [over, claimed, other] = ['"code":"ended"', '"type":"claim.result"', '"type":"error"']
  // Whoever won the one share of it hears so.
  const ended = await load(stage, job(known.ended, [over, claimed, other]), over)
  const repeated = await load(stage, job(known.won, [claimed, other]), claimed)
  Object.assign(round, { socketEnded: ended.rate, socketEndedPerCore: ended.perCore })
  Object.assign(round, { socketRepeated: repeated.rate, socketRepeatedPerCore: repeated.perCore })
}

/** Envelopes with a share for every player, one after the other. */
async function grant(stage: Stage, round: Partial<Round>): Promise<void> {
  const { organiser, players, given } = stage
  const several = () => Promise.all(Array.from({ length: 8 }, () => organiser.hide(players.length)))
  const [ours, raw] = [await several(), await several()]
  const granted = await load(stage, httpJob(stage, ours), 'claimed')
  const { server, redis, postgres } = granted.us
  Object.assign(round, { granted: granted.rate, grantedServerUs: server })
  Object.assign(round, { grantedRedisUs: redis, grantedPostgresUs: postgres })
  round.rawGrants = await stage.rawGrants(raw, given.seconds * 1_000)
  await organiser.close([...ours, ...raw])
}

const RUSH_SHARES = 100

/** Everybody asks for one envelope, until the answer is final; and for one with a share for each. */
async function rush(stage: Stage, round: Partial<Round>): Promise<void> {
  const { organiser, loader, server, bareUrl } = stage
  const { rushers, served } = stage.given
  const askAll = async (url: string, players: number, shares: number): Promise<number> => {
    const [envelopeId, isOurs] = [await organiser.hide(shares), url === server.url]
    const path = isOurs ? claimEnvelope.path : `/naive${claimEnvelope.path}`
    const job = {
      ...httpJob(stage, [envelopeId], url),
      ...{ path, players, until: 'everybody was answered' },
    }
    const { counts, tookMs } = await loader.ask<Loaded>(job)
    const { claimed = 0, ended = 0 } = counts
    const isRight = claimed === shares && claimed + ended === players
    if (!isRight) throw new Error(`a rush at ${url}: ${JSON.stringify(counts)}`)
    return (players * 1_000) / tookMs
  }
  round.rush = await askAll(server.url, rushers, RUSH_SHARES)
  round.naiveRush = await askAll(bareUrl, rushers, RUSH_SHARES)
  round.hotGrants = await askAll(server.url, served, served)
  round.naiveGrants = await askAll(bareUrl, served, served)
}

async function reserve({ reserves, given }: Stage, round: Partial<Round>): Promise<void> {
  round.reserves = await reserves.throughGate(given.reserves)
  round.rawReserves = (await reserves.raw(given.reserves)) ?? Number.NaN
}

function describe(rounds: readonly Round[]): Figure[] {
  const all = (name: keyof Round) => rounds.map(round => round[name])
  const rate = (what: string, name: keyof Round) => figureOf(what, '/s', all(name))
  const against = (what: string, name: keyof Round, baseline: keyof Round, atLeast?: number) =>
    ratioOf(what, { ours: all(name), theirs: all(baseline) }, atLeast === undefined ? {} : { atLeast })
  const cost = (what: string, name: keyof Round) =>
    all(name).every(Number.isFinite) ? [figureOf(what, 'µs', all(name))] : []
  const hasRaw = all('rawReserves').every(Number.isFinite)
  return [
    rate('bare Fastify POST, same schema and token check', 'bare'),
    rate('HTTP claim, ended', 'ended'),
    against('of bare', 'ended', 'bare', 0.8),
    ...cost('  of the server’s processor, each', 'endedServerUs'),
    rate('HTTP claim, lost: position gate and Redis', 'lost'),
    against('of bare', 'lost', 'bare', 0.4),
    ...cost('  of the server’s processor, each', 'lostServerUs'),
    ...cost('  of Redis’', 'lostRedisUs'),
    rate('HTTP claim, repeated: a win that is told again', 'repeated'),
    against('of bare', 'repeated', 'bare', 0.4),
    rate('HTTP claim, granted: after COMMIT', 'granted'),
    against('of bare', 'granted', 'bare', 0.12),
    ...cost('  of the server’s processor, each', 'grantedServerUs'),
    ...cost('  of Redis’', 'grantedRedisUs'),
    ...cost('  of PostgreSQL’s', 'grantedPostgresUs'),
    rate('socket claim, ended', 'socketEnded'),
    against('per core of the server, of HTTP', 'socketEndedPerCore', 'endedPerCore', 1.5),
    rate('socket claim, repeated', 'socketRepeated'),
    against('per core of the server, of HTTP', 'socketRepeatedPerCore', 'repeatedPerCore'),
    rate('raw batched inserts of the same rows', 'rawGrants'),
    against('durable grants of it', 'granted', 'rawGrants', 0.3),
    rate(`rush on an envelope of ${RUSH_SHARES} shares, until final`, 'rush'),
    rate('the same, naive: SELECT … FOR UPDATE', 'naiveRush'),
    against('of naive', 'rush', 'naiveRush', 10),
    rate('rush on an envelope with a share for each', 'hotGrants'),
    rate('the same, naive', 'naiveGrants'),
    against('of naive', 'hotGrants', 'naiveGrants'),
    rate('reserves through the gate, batched', 'reserves'),
    ...(hasRaw
      ? [
          rate('redis-benchmark, the same script, one a call', 'rawReserves'),
          against('of it', 'reserves', 'rawReserves', 0.8),
        ]
      : []),
  ]
}
