/**
 * Requests that are made from the OpenAPI document, good ones and broken ones, against the server that ships: whatever
 * comes, the answer is one of the document, and the books are right. `HEXBAO_FUZZ_SEED` and `HEXBAO_FUZZ_REQUESTS`
 * repeat a run up to a request; `npm run soak -- fuzz` is the long one.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createAppLogin } from '../helpers/app-login.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { readDocument } from './document.ts'
import { fuzz, type Tally } from './run.ts'
import { callbackSecret, operatorKey, startStage } from './stage.ts'

const setting = (name: string, usual: number): number => Number(process.env[name] ?? usual)
const seed = setting('HEXBAO_FUZZ_SEED', 1)
const requests = setting('HEXBAO_FUZZ_REQUESTS', 10_000)
const atOnce = setting('HEXBAO_FUZZ_AT_ONCE', 1)
const minutes = setting('HEXBAO_FUZZ_MINUTES', Infinity)
const startedMs = Date.now()
const isOver = () => Date.now() > startedMs + minutes * 60_000

/** The server remembers tokens, devices, buckets and more, all of it bounded; this is more than a run fills. */
const mostGrowthMb = 128

t.setTimeout(60_000 + requests * 40)

const world = await createWorld(t)
const root = JSON.parse(
  readFileSync(new URL('../../protocol/openapi.json', import.meta.url), 'utf8'),
) as object
const document = readDocument(root)
// With no more rights than a server needs: what it may not do is a 500.
const stage = await startStage(t, { ...world, databaseUrl: await createAppLogin(t, world) }, { seed })
const unhandled: unknown[] = []
process.on('unhandledRejection', reason => unhandled.push(reason))
// What Node.js has to say of us is no line of the log.
process.on('warning', warning => unhandled.push(warning.message))

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapNow = (): number => {
  collect()
  return Math.round(process.memoryUsage().heapUsed / 1_048_576)
}

const describe = ({ requests: sent, outcomes, spoilt, overSocket, faults }: Tally): string => {
  const counts = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, n]) => `${outcome}: ${n}`)
  const seconds = Math.round((Date.now() - startedMs) / 1_000)
  const rss = Math.round(process.memoryUsage().rss / 1_048_576)
  return (
    `${sent} requests (${spoilt} broken, ${overSocket} over sockets) in ${seconds} s, ${counts.join(', ')}; ` +
    `${faults.length} faults; heap ${heapNow()} MB, in all ${rss} MB`
  )
}

/** After the first tenth, when everything that is remembered once has been, and at the end. */
const heaps: number[] = []
const tenth = Math.ceil(requests / 10_000) * 1_000
const secrets = { operatorKey, callbackSecret }
const tally = await fuzz({ seed, requests, atOnce, isOver, document, stage, secrets }, (so, no) => {
  if (no === tenth) heaps.push(heapNow())
  if (no % 20_000 === 0) process.stderr.write(`${describe(so)}\n`)
})
heaps.push(heapNow())

t.test('every answer is one of the document', async t => {
  t.comment(describe(tally))
  for (const { no, operation, faults, request, answer } of tally.faults) {
    const again = `HEXBAO_FUZZ_SEED=${seed} HEXBAO_FUZZ_REQUESTS=${no} npx tap test/fuzz/fuzz.test.ts`
    t.fail(`request ${no}, ${operation}: ${faults.join('; ')}`, {
      request,
      answer,
      again,
      at: null,
      stack: '',
    })
  }
  t.ok(tally.shed <= tally.requests / 100, `${tally.shed} were not let in, because the machine was busy`)
  t.same(unhandled, [], 'no promise was left rejected, and Node.js had nothing to say')
})

/** What a run of 10,000 may miss now and then, and why; longer ones have missed none. */
const late: Readonly<Record<string, string>> = {
  sendAppeal: 'needs a strike, which needs six leaps of a player within an hour',
  endAppeal: 'needs an appeal',
  getOwnCoupon: 'needs a coupon that was won, of a drop that a job has opened',
  redeemCoupon: 'needs a coupon that was won',
  voidCoupon: 'needs one that was uploaded and is nobody’s yet',
  thankHider: 'needs a claim that was settled',
  appealReview: 'needs a text that three people reported and a reviewer has rejected',
  splitServiceRequest: 'needs a dispute about a request that was delivered',
  readChat: 'needs a dispute',
  showCampaignCode: 'needs a campaign whose drop asks for codes and was opened',
  getWebhookDelivery: 'needs an endpoint to which something was sent',
  replayWebhookDelivery: 'needs an endpoint to which something was sent',
}

t.test('every operation was asked, and nearly all of them answered well', async t => {
  const all = [...tally.operations]
  const never = all.filter(([, { asked }]) => asked === 0).map(([id]) => id)
  const bad = all.filter(([, { good }]) => good === 0).map(([id]) => id)
  t.comment(`${all.length - bad.length} of ${all.length} operations answered well`)
  for (const id of bad)
    t.comment(`${id}: ${late[id] ?? 'not known why'}; ${tally.operations.get(id)?.refusal}`)
  // A run that only repeats what led to a request has not come as far.
  if (tally.requests < 10_000) return
  t.same(never, [], 'asked')
  t.ok(all.length - bad.length >= 120, 'answered well')
})

t.test('the server is alive, has not grown, and the books are right', async t => {
  const get = (target: string) => {
    const rest = { shape: undefined, actor: undefined, home: { lat: 0, lng: 0 }, params: {}, spoilt: [] }
    return stage.send({ ...rest, method: 'GET', target, headers: [], via: 'socket' })
  }
  for (const path of ['/livez', '/readyz']) t.match(await get(path), { status: 200 }, path)
  t.same(
    JSON.parse((await get('/openapi.json'))?.text ?? ''),
    root,
    'it serves the document that it was held against',
  )
  const [early = 0, end = 0] = heaps
  t.ok(end - early < mostGrowthMb, `heap ${early} MB after a tenth, ${end} MB at the end`)
  await assertBooks(t, world)
})
