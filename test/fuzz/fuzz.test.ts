/**
 * Requests that are made from the OpenAPI document, good ones and broken ones, against the server that ships: whatever
 * comes, the answer is one of the document, and the books are right. `HEXBAO_FUZZ_SEED` and `HEXBAO_FUZZ_REQUESTS`
 * repeat a run up to a request; `npm run soak -- fuzz` is the long one.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
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

t.setTimeout(60_000 + requests * 40)

const world = await createWorld(t)
const root = JSON.parse(
  readFileSync(new URL('../../protocol/openapi.json', import.meta.url), 'utf8'),
) as object
const document = readDocument(root)
const stage = await startStage(t, world, { seed })
const unhandled: unknown[] = []
process.on('unhandledRejection', reason => unhandled.push(reason))

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

const tally = await fuzz(
  { seed, requests, atOnce, isOver, document, stage, secrets: { operatorKey, callbackSecret } },
  so => {
    if (so.requests % 20_000 === 0) process.stderr.write(`${describe(so)}\n`)
  },
)

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
  t.same(unhandled, [], 'no promise was left rejected')
})

t.test('every operation was asked, and nearly all of them answered well', async t => {
  const never = [...tally.operations].filter(([, { asked }]) => asked === 0).map(([id]) => id)
  const bad = [...tally.operations].flatMap(([id, { good, refusal }]) =>
    good === 0 ? [`${id}: ${refusal}`] : [],
  )
  t.same(never, [], 'asked')
  t.same(bad, [], 'answered well')
})

t.test('the server is alive, and the books are right', async t => {
  await assertBooks(t, world)
})
