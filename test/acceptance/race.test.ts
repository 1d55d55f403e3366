/**
 * The rush: servers of one data folder, one envelope of a hundred shares, thousands of players at once, some of whom
 * never read an answer and ask again. Exactly as many win as there are shares, and exactly the total; everybody gets a
 * final answer soon, and winners the same one ever after. `npm run soak` makes it larger through the environment.
 */
import { randomUUID } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { SignJWT } from 'jose'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { Check } from 'typebox/value'
import { type ErrorCode } from '#protocol/errors.ts'
import { Problem } from '#protocol/problem.ts'
import { ClaimedAnswer, claimEnvelope, PendingAnswer } from '#protocol/rest/claims.ts'
import { getEnvelope, hideEnvelope, listEnvelopeClaims, listOwnEnvelopes } from '#protocol/rest/envelopes.ts'
import { getReadiness } from '#protocol/rest/health.ts'
import { getWallet } from '#protocol/rest/players.ts'
import { findDatabaseUrl, makeDataDir, readRun, run, type Server, startServer } from './launch.ts'
import { fixAt, type Point } from './person.ts'
import { listLeft, listTree } from './processes.ts'
import { createRest } from './rest.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const setting = (name: string, usual: number): number => Number(process.env[name] ?? usual)

const PLAYERS = setting('RACE_PLAYERS', 2_000)
const SERVERS = setting('RACE_SERVERS', 2)
/** Claims of each player at once; without it one or two. */
const TRIES = setting('RACE_TRIES', 0)
/** The part of the answers that is thrown away unread, after the server has executed the claim. */
const LOSS = setting('RACE_LOSS', 0.1)
const SHARES = setting('RACE_SHARES', 100)
const TOTAL = 123_457n
/** Many enough to keep two servers busy, few enough that the crowd itself is not what is measured. */
const CONNECTIONS = 64
const FINAL_WITHIN_MS = setting('RACE_FINAL_WITHIN_MS', 30_000)

t.setTimeout(180_000 + FINAL_WITHIN_MS * 2)

const place = { lat: 45.80371, lng: 126.53497 }
/** 3,300 km away. */
const elsewhere = { lat: 18.25241, lng: 109.51197 }

type Player = { id: string; token: string }

async function withDatabase<T>(dataDir: string, work: (database: Client) => Promise<T>): Promise<T> {
  const database = new Client({ connectionString: await findDatabaseUrl(dataDir) })
  await database.connect()
  try {
    return await work(database)
  } finally {
    await database.end()
  }
}

/** A crowd as an identity provider would send it; signing up two thousand times is not what is tried here. */
async function gatherCrowd(dataDir: string): Promise<Player[]> {
  const { secrets } = await readRun(dataDir)
  const key = new TextEncoder().encode(secrets.jwtSecret)
  const ids = Array.from({ length: PLAYERS }, () => randomUUID())
  await withDatabase(dataDir, database =>
    database.query(
      `insert into players (id, issuer, subject, created_at)
       select id, 'hexbao', id::text, now() from unnest($1::uuid[]) as id`,
      [ids],
    ),
  )
  const tokens = ids.map(id =>
    new SignJWT({ sub: id, iss: 'hexbao', aud: 'hexbao' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(key),
  )
  return (await Promise.all(tokens)).map((token, i) => ({ id: ids[i] ?? '', token }))
}

type Final =
  | { status: 'claimed'; claim: ClaimedAnswer }
  | { status: 'refused'; code: ErrorCode; reason?: string }
type Told = Final & { asked: number; lost: number; tookMs: number; waitedFor: string[] }

/** What a client may be told meanwhile; anything else is final. */
const passing: readonly ErrorCode[] = ['try_again', 'unavailable', 'too_many_requests']

/** One process, over connections that stay open. */
function connectTo(t: Test, server: Server) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  t.teardown(() => agent.destroy())

  /** The answer, or nothing where it was thrown away. */
  async function claimOnce({ token }: Player, id: string, where: Point): Promise<unknown> {
    const path = claimEnvelope.path.replace('{id}', id)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(server.banner.url + path, { method: 'POST', agent, headers }, resolve)
      sent.on('error', reject)
      sent.end(JSON.stringify({ fix: fixAt(where) }))
    })
    if (Math.random() < LOSS) {
      response.destroy()
      return undefined
    }
    return JSON.parse(((await response.toArray()) as Buffer[]).join(''))
  }

  /** Asks as a good client does, until the answer is final. */
  return async function claim(player: Player, id: string, where: Point): Promise<Told> {
    const startMs = Date.now()
    const waitedFor: string[] = []
    let lost = 0
    for (let asked = 1; ; asked++) {
      const answer = await claimOnce(player, id, where)
      if (answer === undefined) {
        lost++
        continue
      }
      const told = { asked, lost, waitedFor, tookMs: Date.now() - startMs }
      if (Check(ClaimedAnswer, answer)) return { ...told, status: 'claimed', claim: answer }
      const isPending = Check(PendingAnswer, answer)
      if (!isPending && !Check(Problem, answer)) throw new Error(`no answer: ${JSON.stringify(answer)}`)
      if (!isPending && !passing.includes(answer.code)) {
        const { code, reason } = answer
        return { ...told, status: 'refused', code, ...(reason !== undefined && { reason }) }
      }
      if (told.tookMs > FINAL_WITHIN_MS) throw new Error(`nothing final in time: ${waitedFor.join()}`)
      waitedFor.push(isPending ? 'pending' : answer.code)
      await sleep(isPending ? 200 : (answer.retryAfterMs ?? 200))
    }
  }
}

/** Two thousand keys and a summary in one line. */
const tally = (values: readonly string[]): string => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => `${count} ${value}`).join(', ')
}

const percentile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? 0

const dataDir = await makeDataDir(t)

t.test(`${PLAYERS} players, ${SERVERS} servers, ${SHARES} shares`, async t => {
  // All at once: one starts the services, the others join them, and the demo is made once.
  const started = await Promise.all(Array.from({ length: SERVERS }, () => startServer(t, { dataDir })))
  const [first, second, ...others] = started
  if (first === undefined || second === undefined) throw new Error('a race needs two servers')
  t.equal(first.banner.merchantKey, second.banner.merchantKey)
  const merchant = createRest({ url: first.banner.url, credential: first.banner.merchantKey })
  const demo = (await merchant.get(listOwnEnvelopes)).items.map(({ own }) => own?.place.coordinates.join())
  t.equal(new Set(demo).size, demo.length, 'the demo was made once')

  const { id } = await merchant.get(hideEnvelope, {
    idempotencyKey: 'race',
    body: {
      place: { type: 'Point', coordinates: [place.lng, place.lat] },
      total: { amountMinor: String(TOTAL), currency: 'CNY' },
      shares: SHARES,
      split: 'lucky',
    },
  })
  const crowd = await gatherCrowd(dataDir)
  const claims = started.map(server => connectTo(t, server))
  const doorOf = (index: number) => claims[index % SERVERS] as (typeof claims)[number]
  const otherDoorOf = (index: number) => doorOf(index + 1)
  const chooseDoors = (i: number) => {
    if (TRIES > 0) return Array.from({ length: TRIES }, (_, k) => doorOf(i + k))
    // Of two tries at once, every second pair meets at one server and the others at two.
    return i % 4 < 2 ? [doorOf(i)] : i % 8 < 4 ? [doorOf(i), doorOf(i)] : [doorOf(i), otherDoorOf(i)]
  }

  const startMs = Date.now()
  const told = await Promise.all(
    crowd.map(async (player, i) => {
      const answers = await Promise.all(chooseDoors(i).map(claim => claim(player, id, place)))
      return { player, index: i, answers }
    }),
  )
  const tookMs = Date.now() - startMs

  const answers = told.flatMap(one => one.answers)
  const latencies = answers.map(one => one.tookMs)
  const waits = answers.flatMap(one => one.waitedFor)
  const requests = answers.reduce((sum, { asked }) => sum + asked, 0)
  const thrownAway = answers.reduce((sum, { lost }) => sum + lost, 0)
  const rate = Math.round((requests * 1e3) / tookMs)
  t.comment(
    `${requests} requests of ${PLAYERS} players in ${tookMs} ms: ${rate}/s; ${thrownAway} answers thrown away`,
  )
  t.comment(`until final: p50 ${percentile(latencies, 0.5)} ms, p99 ${percentile(latencies, 0.99)} ms`)
  t.comment(`on the way: ${waits.length === 0 ? 'nothing' : tally(waits)}`)
  t.comment(
    `in the end: ${tally(answers.map(one => (one.status === 'claimed' ? 'won' : `${one.code} ${one.reason}`)))}`,
  )

  const winners = told.filter(one => one.answers.some(({ status }) => status === 'claimed'))
  t.equal(winners.length, SHARES, 'as many win as there are shares')
  const losers = told.filter(one => !winners.includes(one))
  const lost = losers.flatMap(one => one.answers.map(one => (one.status === 'refused' ? one : undefined)))
  t.same(
    lost.filter(one => one?.code !== 'ended' || one.reason !== 'empty'),
    [],
    'all others hear that it is empty',
  )
  const most = answers.reduce((max, { asked, lost }) => Math.max(max, asked - lost), 0)
  t.ok(most <= 10, `nobody asks more than ten times: ${most}`)

  const wins = winners.map(({ answers, player, index }) => {
    const own = answers.map(one => (one.status === 'claimed' ? one.claim : undefined))
    return { player, index, claim: own[0], differs: own.some(claim => !isDeepStrictEqual(claim, own[0])) }
  })
  t.same(
    wins.filter(({ differs }) => differs),
    [],
    'who asks more than once at a time hears the same win each time',
  )
  const sum = wins.reduce((sum, { claim }) => sum + BigInt(claim?.amount?.amountMinor ?? 0), 0n)
  t.equal(sum, TOTAL, 'they win the total')
  t.equal(new Set(wins.map(({ claim }) => claim?.claimId)).size, SHARES)

  const again = await Promise.all(wins.map(({ player, index }) => otherDoorOf(index)(player, id, elsewhere)))
  t.same(
    again.map(one => (one.status === 'claimed' ? one.claim : one)),
    wins.map(({ claim }) => claim),
    'the same at another server, from far away',
  )
  const stillLost = await Promise.all(
    losers.slice(0, 100).map(({ player, index }) => otherDoorOf(index)(player, id, elsewhere)),
  )
  t.same(new Set(stillLost.map(one => one.status === 'refused' && one.code)), new Set(['ended']))

  t.match(await merchant.get(getEnvelope, { id }), { state: 'empty', own: { claimedShares: SHARES } })
  const listed = await merchant.get(listEnvelopeClaims, { id, query: { limit: '200' } })
  t.equal(listed.numberReturned, Math.min(SHARES, 200))
  for (const { player, claim } of wins.slice(0, 10)) {
    const { balances } = await createRest({ url: second.banner.url, credential: player.token }).get(getWallet)
    t.same(balances, [claim?.amount], 'and it is in the wallet')
  }
  await assertRecord(t, id)
  for (const other of others) t.equal(await other.pressCtrlC(), 0)
  await assertStops(t, [first, second])
})

async function assertRecord(t: Test, id: string): Promise<void> {
  const { rows } = await withDatabase(dataDir, database =>
    database.query(
      `select count(*)::int as claims, count(distinct share_no)::int as shares,
              count(distinct player_id)::int as players, sum(amount)::text as total
       from claims where envelope_id = $1`,
      [id],
    ),
  )
  t.same(rows, [{ claims: SHARES, shares: SHARES, players: SHARES, total: String(TOTAL) }])
  const reconcile = run(t, [process.execPath, ...asTypeScript, 'src/bin/reconcile.ts'], {
    DATA_DIR: dataDir,
  })
  t.equal(await reconcile.exited, 0, `${reconcile.stdout()}${reconcile.stderr()}`)
}

/** Whichever server goes first, the other keeps the services; the last one turns off the light. */
async function assertStops(t: Test, [first, second]: readonly Server[]): Promise<void> {
  if (first === undefined || second === undefined) return void t.fail('two servers')
  const { postgres, redis } = await readRun(dataDir)
  const services = [postgres, redis].flatMap(one => (one?.process ? listTree(one.process.pid) : []))
  t.ok(services.length >= 2)
  t.equal(await first.pressCtrlC(), 0)
  t.equal((await fetch(second.banner.url + getReadiness.path)).status, 200)
  t.equal(await second.pressCtrlC(), 0)
  t.same(listLeft(services), [])
}
