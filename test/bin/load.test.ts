/** `npm run load`: what is counted how, the arithmetic behind its tables, and a crowd on the whole server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { type Answer, meaningOf, readHttp, waitAfter } from '../../src/bin/load/answers.ts'
import { createHttpAsking, openSocketAsking } from '../../src/bin/load/asking.ts'
import { createHistogram } from '../../src/bin/load/histogram.ts'
import { createKeepAlive, type RawOutcome } from '../../src/bin/load/keep-alive.ts'
import { type Arrival, createPlan, layOut, type Plan, type Scenario } from '../../src/bin/load/plan.ts'
import { createPromises } from '../../src/bin/load/promises.ts'
import { holds, judge, prove } from '../../src/bin/load/proof.ts'
import { countOf, runLoad } from '../../src/bin/load/run-load.ts'
import { setStage } from '../../src/bin/load/stage.ts'
import { judgeThresholds } from '../../src/bin/load/thresholds.ts'
import { assertBooks } from '../helpers/books.ts'
import { startPlayServer } from './play-server.ts'
import { runTool } from './run-tool.ts'

t.test('quantiles of a histogram are those of the values, at most 3.2 % above', async () => {
  const values = fc.array(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(values, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (us, part) => {
      const histogram = createHistogram()
      for (const value of us) histogram.record(value / 1_000)
      const exact = us.sort((a, b) => a - b)[Math.ceil(part * us.length) - 1] ?? 0
      const found = histogram.quantileMs(part) * 1_000
      const octaves = histogram.octaves()
      const isCounted = octaves.reduce((sum, { count }) => sum + count, 0) === us.length
      const isOrdered = octaves.every(({ fromMs, toMs }) => toMs === 2 * fromMs)
      return found >= exact - 0.5 && found <= exact * 1.032 + 0.5 && isCounted && isOrdered
    }),
  )
})

t.test('a plan is its seed, and deals everybody envelopes of their own place', async t => {
  for (const scenario of ['rush', 'city', 'retry'] satisfies Scenario[]) {
    const layout = layOut(scenario, { players: 250, envelopes: 7 })
    const plans = [1, 1, 2].map(seed => createPlan({ scenario, layout, ratePerS: 500, seed }))
    const [first, again, other] = plans.map(plan => Array.from({ length: 4_000 }, () => plan.next()))
    t.ok(isDeepStrictEqual(first, again))
    t.notOk(isDeepStrictEqual(first, other))
    const arrivals = first ?? []
    t.ok(arrivals.every(({ player, envelope }) => player % layout.places === envelope % layout.places))
    t.ok(arrivals.every(({ player, envelope }) => player < 250 && envelope < layout.envelopes))
    t.equal(new Set(arrivals.map(({ envelope }) => envelope)).size, layout.envelopes)
    const seconds = (arrivals.at(-1)?.atMs ?? 0) / 1_000
    t.ok(Math.abs(seconds - 8) < 1, `4,000 at 500 a second took ${seconds} s`)
    const drops = Array.from({ length: 1_000 }, () => plans[0]?.dropsReply()).filter(Boolean).length
    t.ok(scenario === 'retry' ? drops > 200 && drops < 400 : drops === 0)
  }
})

const refused = (code: string, more = {}) =>
  readHttp({
    status: 409,
    body: JSON.stringify({ type: `/problems/${code}`, title: code, status: 409, code, ...more }),
  })

t.test('what an answer counts as', async t => {
  const claimId = randomUUID()
  const claimed = {
    ...{ claimId, envelopeId: claimId, status: 'claimed', claimedAt: new Date(0).toISOString() },
    amount: { amountMinor: '5', currency: 'CNY' },
  }
  const pending = { claimId, envelopeId: claimId, status: 'pending' }
  const read = (status: number, body: object) => readHttp({ status, body: JSON.stringify(body) })
  const cases: [Answer, ReturnType<typeof meaningOf>][] = [
    [read(200, claimed), 'won'],
    [read(202, pending), 'promised'],
    [read(200, pending), 'failed'],
    [refused('ended', { reason: 'empty' }), 'ended'],
    [refused('try_again', { retryAfterMs: 500 }), 'again'],
    [refused('unavailable'), 'shed'],
    [refused('too_many_requests'), 'shed'],
    [refused('daily_limit'), 'refused'],
    [refused('internal'), 'failed'],
    [refused('made_up'), 'failed'],
    [readHttp({ status: 502, body: '<html>' }), 'failed'],
    [{ status: 'lost' }, 'failed'],
    [{ status: 'dropped' }, 'dropped'],
  ]
  for (const [answer, meaning] of cases) t.equal(meaningOf(answer), meaning, JSON.stringify(answer))
  t.same([refused('try_again', { retryAfterMs: 500 }), refused('unavailable')].map(waitAfter), [500, 200])
})

t.test('a promise that is broken is a fault', async t => {
  const [claimId, envelopeId, other] = [randomUUID(), randomUUID(), randomUUID()]
  const win = { claimId, envelopeId, amount: { amountMinor: '5', currency: 'CNY' } }
  const tell = (...told: [string, typeof win | 'end'][]) => {
    const promises = createPromises()
    for (const [player, what] of told) {
      if (what === 'end') promises.noteEnd(player, envelopeId)
      else promises.noteWin(player, what)
    }
    return promises
  }
  const kept = tell(['a', win], ['a', win], ['b', 'end'], ['b', 'end'])
  t.same(kept.faults(), [])
  t.same(kept.toldOf(envelopeId), { wins: 1, sumMinor: 5n })
  for (const told of [
    tell(['a', win], ['a', { ...win, claimId: other }]),
    tell(['a', win], ['a', { ...win, amount: { ...win.amount, amountMinor: '6' } }]),
    tell(['a', win], ['b', win]),
    tell(['a', win], ['a', 'end']),
    tell(['a', 'end'], ['a', win]),
  ]) {
    t.equal(told.faults().length, 1)
  }

  const target = { id: envelopeId, shares: 2, totalMinor: 20n }
  const recorded = { id: envelopeId, claimedShares: 1, claimedMinor: 5n, escrowMinor: 15n }
  t.same(judge(target, recorded, kept, true), [])
  t.match(judge(target, undefined, kept, true), [/not on record/])
  t.match(judge(target, { ...recorded, escrowMinor: 14n }, kept, true), [/in escrow are not 20/])
  t.match(judge(target, { ...recorded, claimedShares: 2 }, kept, true), [/2 are on record, 1 were told/])
  t.same(judge(target, { ...recorded, claimedShares: 2 }, kept, false), [])
  t.match(judge(target, { ...recorded, claimedShares: 3 }, kept, false), [/3 wins of 2 shares/])
  t.match(judge(target, { ...recorded, claimedMinor: 6n, escrowMinor: 14n }, kept, true), [
    /5 was told, 6 is on record/,
  ])
})

const claimants = [{ id: 'a', token: 't', fix: { lat: 0, lng: 0, accuracyM: 8 } }]
const target = { id: 'e', shares: 1, totalMinor: 1n }

/** Comes every 10 ms. */
const steadyPlan = (): Plan => {
  let atMs = 0
  return { next: (): Arrival => ({ atMs: (atMs += 10), player: 0, envelope: 0 }), dropsReply: () => false }
}

t.test('a server that stands still is seen to have kept everybody waiting', async t => {
  const startMs = performance.now()
  const stillMs = 400
  const asking = {
    claim: async () => {
      await sleep(Math.max(0, stillMs - (performance.now() - startMs)))
      return { answer: refused('ended', { reason: 'empty' }) }
    },
  }
  const stage = { claimants, targets: [target] }
  const open = await runLoad({ stage, plan: steadyPlan(), asking, durationMs: 800, atOnce: 1_000 })
  t.equal(open.missed, 0)
  t.equal(open.begun, 79)
  // Half of them came while it stood still, and waited half of that on average: a closed loop would have seen one.
  t.ok(open.latency.quantileMs(0.75) > 100)
  t.ok(open.latency.quantileMs(0.9) > 200)

  // Nobody is answered before all have come.
  let release = () => {}
  const allCame = new Promise<void>(resolve => (release = resolve))
  const { next, dropsReply } = steadyPlan()
  const last = () => {
    const arrival = next()
    if (arrival.atMs >= 300) release()
    return arrival
  }
  const busy = await runLoad({
    ...{ stage, plan: { next: last, dropsReply }, durationMs: 300, atOnce: 3 },
    asking: { claim: () => allCame.then(() => ({ answer: refused('ended', { reason: 'empty' }) })) },
  })
  t.same([busy.begun, busy.missed], [3, 26], 'who finds everything busy is missed, and counted')
  const within = { failedPercent: 0, missedPercent: 100 }
  t.same(judgeThresholds(busy, within), [])
  t.match(judgeThresholds(busy, { ...within, missedPercent: 1 }), [/were missed/])
  t.match(judgeThresholds(busy, { ...within, p99Ms: 100 }), [/p99 is/])
})

/** Answers each connection with the next of these texts, in pieces, and hangs up after an empty one. */
async function serve(texts: string[]): Promise<Server> {
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.on('data', () => {
      const text = texts.shift() ?? ''
      if (text === '') return socket.destroy()
      for (const piece of [text.slice(0, 20), text.slice(20)]) socket.write(piece)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

t.test('the connection of the load reads what servers send, and comes back after they hang up', async t => {
  const body = '{"status":"pending"}'
  const answer = `HTTP/1.1 202 Accepted\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const closing = answer.replace('\r\n', '\r\nConnection: close\r\n')
  const server = await serve([answer, '', answer, closing, answer, 'HTTP/1.1 200 OK\r\n\r\n', answer, answer])
  const line = createKeepAlive(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const ask = (isDropped = false) =>
    new Promise<RawOutcome>(resolve => line.ask('GET / HTTP/1.1\r\n\r\n', resolve, isDropped))
  const found = { status: 202, body }
  t.match(await ask(), found)
  t.equal(await ask(), 'lost')
  t.match(await ask(), found)
  t.match(await ask(), found, 'the last answer before it closes')
  t.match(await ask(), found)
  t.equal(await ask(), 'lost', 'no length: not understood')
  t.equal(await ask(true), 'dropped')
  t.match(await ask(), found)
  line.close()
  server.close()
})

t.test('a crowd on the whole server, over HTTP and sockets, with replies that are dropped', async t => {
  const { url, world, merchantKey } = await startPlayServer(t)
  const dataDir = await mkdtemp(join(tmpdir(), 'hexbao-load-'))
  t.teardown(() => rm(dataDir, { recursive: true }))
  const say = () => undefined

  async function play(scenario: Scenario, mode: 'http' | 'socket') {
    const layout = layOut(scenario, { players: 120, envelopes: 6 })
    const stage = await setStage({ url, merchantKey, layout, shares: 20, livesMs: 3_600_000, say })
    const asking = await (mode === 'http'
      ? createHttpAsking(url, stage.claimants)
      : openSocketAsking(url, stage.claimants))
    const plan = createPlan({ scenario, layout, ratePerS: 300, seed: 1 })
    const result = await runLoad({ stage, plan, asking, durationMs: 1_000, atOnce: 512 })
    asking.close()
    const proof = await prove({
      ...{ url, merchantKey, stage, promises: result.promises, isComplete: result.unresolved === 0 },
      ...{ databaseUrl: world.databaseUrl, dataDir },
    })
    t.same([result.unresolved, countOf(result, 'failed')], [0, 0], `${scenario} ${mode}`)
    t.same(proof.faults, [])
    t.equal(proof.ledger.status, 'counted')
    t.ok(holds(proof))
    return { result, proof, stage }
  }

  const rush = await play('rush', 'http')
  t.equal(rush.proof.wins, 20)
  t.ok(countOf(rush.result, 'ended') > 0)
  t.ok(rush.result.redis.count() > 0, 'the sandbox says what it waited for')
  const retry = await play('retry', 'http')
  t.ok(countOf(retry.result, 'dropped') > 20)
  t.ok(retry.proof.wins > 20)
  t.ok((await play('city', 'socket')).proof.wins > 20)
  await assertBooks(t, world)

  // A win that nobody was told of does not go unnoticed.
  const [envelope] = retry.stage.targets
  const [claimant] = retry.stage.claimants
  t.ok(envelope && claimant)
  const untold = await prove({
    ...{ url, merchantKey, stage: retry.stage, promises: createPromises(), isComplete: true },
    ...{ databaseUrl: world.databaseUrl, dataDir },
  })
  t.notOk(holds(untold))

  const json = join(dataDir, 'report.json')
  const shared = { DATABASE_URL: world.databaseUrl, DATA_DIR: dataDir }
  const small = ['--players=20', '--envelopes=2', '--shares=5', '--rate=50', '--duration=1s', '--url', url]
  const tool = await runTool('load', [...small, '--key', merchantKey, '--p99=60000', '--json', json], shared)
  t.equal(tool.code, 0, tool.stderr)
  t.match(tool.stdout, /percentile/)
  t.match(tool.stdout, /wins on record, .*each told once, none twice/)
  t.match(tool.stdout, /counted again: no difference/)
  t.match(JSON.parse(await readFile(json, 'utf8')), {
    settings: { seed: 1 },
    proof: { holds: true, faults: { length: 0 } },
    latencyMs: { p99: Number },
  })
  t.notMatch(await readFile(json, 'utf8'), merchantKey)
  const tokens = await runTool('load-tokens', ['3', '--url', url, '--key', merchantKey], shared)
  t.equal(tokens.code, 0, tokens.stderr)
  t.match(
    tokens.stdout,
    /^token,lat,lng,accuracyM,envelopeId\n(ey[\w.-]+,31\.\d+,121\.\d+,8,[0-9a-f-]{36}\n){3}$/,
  )
  t.equal((await runTool('load', ['--scenario=flood'], shared)).code, 2)
})

t.test('autocannon, with its script, from the tokens on; the books prove themselves afterwards', async t => {
  const { url, world, merchantKey } = await startPlayServer(t)
  const dataDir = await mkdtemp(join(tmpdir(), 'hexbao-load-'))
  t.teardown(() => rm(dataDir, { recursive: true }))
  const shared = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl, DATA_DIR: dataDir }
  const how = ['20', '--shares=7', '--url', url, '--key', merchantKey]
  const tokens = await runTool('load-tokens', how, shared)
  const file = join(dataDir, 'tokens.csv')
  await writeFile(file, tokens.stdout)
  const script = 'test/bench/claims-autocannon.mjs'
  const { stdout } = await promisify(execFile)(process.execPath, [script, file, url, '2'])
  const counted = stdout.replaceAll(/\s+/g, ' ')
  t.match(counted, /'200': \{ count: [1-9]/)
  t.match(counted, /'409': \{ count: [1-9]/)
  t.notMatch(counted, /'5\d\d'|'40[01]'/)
  const [envelopeId] = /[0-9a-f-]{36}$/m.exec(tokens.stdout) ?? []
  const books = await runTool('reconcile', ['--envelope', String(envelopeId)], shared)
  t.equal(books.code, 0, books.stdout + books.stderr)
  const claimed = { name: 'claimed', text: 'select claimed_shares from envelopes where id = $1' }
  t.same(await world.database.query(claimed, [envelopeId]), [{ claimed_shares: 7 }])
  await assertBooks(t, world)
})
