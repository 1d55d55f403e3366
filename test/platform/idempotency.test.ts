/** Idempotency-Key: the six cases of a retried request, and the crash between the effect and its answer. */
import t from 'tap'
import { canonicalJson, createForgettingJob, type IdempotentRequest, runOnce } from '#platform/idempotency.ts'
import { limits } from '#protocol/limits.ts'
import { refuse } from '#platform/problem.ts'
import type { Row, Tx } from '#platform/postgres.ts'
import { systemRandom } from '#platform/random.ts'
import { createSeal } from '#platform/seal.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const { database, ownerDatabase, clock } = world

const text = {
  create: 'create table effects (n bigint not null)',
  grant: 'grant all on effects to hexbao_game',
  act: 'insert into effects values ($1)',
  count: 'select count(*) as n from effects where n = $1',
}
const ask = (tx: Tx, name: keyof typeof text, params: unknown[] = []) =>
  tx.query<Row>({ name, text: text[name] }, params)

await ask(ownerDatabase, 'create')
await ask(ownerDatabase, 'grant')

const effects = async (n: number) => (await ask(database, 'count', [n]))[0]?.n

const request = (key: string, more: Partial<IdempotentRequest> = {}): IdempotentRequest => ({
  tenant: 'player-1',
  operation: 'hide',
  key,
  body: { total: '5', shares: 2 },
  nowMs: clock.nowMs(),
  ...more,
})

const act =
  (n: number, answer: object = { id: n }) =>
  async (tx: Tx) => {
    await ask(tx, 'act', [n])
    return { status: 201, body: answer }
  }

t.test('a retry gets the first answer, whatever the order of its fields', async t => {
  const answer = { id: 'x', money: { amountMinor: '10' }, list: [1, null], text: '红包\u0001"' }
  t.same(await runOnce(database, request('a'), act(1, answer)), { status: 201, body: answer })
  const retry = request('a', { body: { shares: 2, total: '5' } })
  t.same(await runOnce(database, retry, act(1)), { status: 201, body: answer })
  t.equal(await effects(1), 1n)
})

t.test('another body is refused', async t => {
  await runOnce(database, request('b'), act(2))
  for (const body of [{ total: '5' }, { total: '5', shares: 3 }, {}, null, []]) {
    t.match(await runOnce(database, request('b', { body }), act(2)), { code: 'idempotency_mismatch' })
  }
  t.equal(await effects(2), 1n)
})

t.test('while the first runs, others are told so; afterwards they get its answer', async t => {
  let finish = () => {}
  const held = new Promise<void>(resolve => (finish = resolve))
  let isInside = () => {}
  const inside = new Promise<void>(resolve => (isInside = resolve))
  const first = runOnce(database, request('c'), async tx => {
    const answer = await act(3)(tx)
    isInside()
    await held
    return answer
  })
  await inside
  const second = await runOnce(database, request('c'), act(3))
  t.match(second, { code: 'idempotency_in_flight', retryAfterMs: 200 })
  finish()
  const answer = await first
  t.same(await runOnce(database, request('c'), act(3)), answer)
  t.equal(await effects(3), 1n)
})

t.test('however many come at once, one acts', async t => {
  const answers = await Promise.all(Array.from({ length: 24 }, () => runOnce(database, request('d'), act(4))))
  t.ok(answers.every(answer => answer.status === 201 || 'code' in answer))
  t.ok(answers.some(answer => answer.status === 201))
  t.equal(await effects(4), 1n)
})

t.test('a refusal undoes what was written and is not kept', async t => {
  const refused = await runOnce(database, request('e'), async tx => {
    await ask(tx, 'act', [5])
    return refuse('insufficient_funds')
  })
  t.match(refused, { code: 'insufficient_funds' })
  t.equal(await effects(5), 0n)
  t.match(
    await runOnce(database, request('e'), act(5)),
    { status: 201 },
    'the same key, once the reason is gone',
  )
  t.equal(await effects(5), 1n)
})

t.test('a fault after the effect undoes the effect, so the retry acts', async t => {
  const faults = [
    async (tx: Tx) => {
      await act(6)(tx)
      throw new Error('crash')
    },
    // The answer itself cannot be stored: PostgreSQL's jsonb has no NUL.
    act(6, { text: 'a\0b' }),
  ]
  for (const fault of faults) await t.rejects(runOnce(database, request('f'), fault))
  t.equal(await effects(6), 0n)
  t.match(await runOnce(database, request('f'), act(6)), { status: 201 })
  t.equal(await effects(6), 1n)
})

t.test('a connection cut at COMMIT: the retry finds the effect with its answer, or neither', async t => {
  const kill = `create function die() returns trigger language plpgsql security definer as $$
     begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`
  const arm = `create constraint trigger die after insert on effects deferrable initially deferred
     for each row execute function die()`
  for (const [i, sql] of [kill, arm].entries()) await ownerDatabase.query({ name: `die-${i}`, text: sql })
  await t.rejects(runOnce(database, request('g'), act(7)), { name: 'CommitUnknown' })
  await ownerDatabase.query({ name: 'disarm', text: 'drop trigger die on effects' })
  t.match(await runOnce(database, request('g'), act(7)), { status: 201 })
  t.equal(await effects(7), 1n)
})

t.test('keys belong to a tenant and an operation', async t => {
  await runOnce(database, request('h'), act(8))
  await runOnce(database, request('h', { tenant: 'player-2' }), act(8))
  await runOnce(database, request('h', { operation: 'deposit' }), act(8))
  t.equal(await effects(8), 3n)
})

t.test('an answer is kept for 30 days, and then the key may be used again', async t => {
  const later = () => request('i', { nowMs: clock.nowMs() })
  await runOnce(database, later(), act(9))
  const job = createForgettingJob({ database, clock })
  clock.advance(limits.idempotency.keptMs)
  await job.run(0)
  await runOnce(database, later(), act(9))
  t.equal(await effects(9), 1n, 'on the last day')
  clock.advance(1)
  t.same(await job.run(0), { more: false })
  t.match(await runOnce(database, later(), act(9)), { status: 201 })
  t.equal(await effects(9), 2n)
})

t.test('canonical JSON', async t => {
  t.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: null }), '{"a":null,"b":[{"c":2,"d":1}]}')
  t.not(canonicalJson([1, 2]), canonicalJson([2, 1]))
})

t.test('what a kept answer must not show is sealed', async t => {
  const seal = createSeal('s'.repeat(32), { purpose: 'answers', random: systemRandom })
  const sealed = seal.close('hbk_test_红包')
  t.equal(seal.open(sealed), 'hbk_test_红包')
  t.not(seal.close('hbk_test_红包'), sealed, 'no two seals are alike')
  const bytes = Buffer.from(sealed, 'base64url')
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(i) ^ 1, i)
    t.throws(() => seal.open(changed.toString('base64url')))
  }
  for (const others of [
    createSeal('s'.repeat(32), { purpose: 'other', random: systemRandom }),
    createSeal('t'.repeat(32), { purpose: 'answers', random: systemRandom }),
  ]) {
    t.throws(() => others.open(sealed))
  }
  t.throws(() => seal.open(''))
})
