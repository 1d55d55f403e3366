/** What the operator stops and sets right, over HTTP on two servers; and what it does to one envelope. */
import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { closeEnvelope, getEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import { createMerchant } from '#protocol/rest/merchants.ts'
import {
  freeze,
  listActions,
  listBudgets,
  listDeadLetters,
  replayDeadLetters,
  setCap,
  unfreeze,
} from '#protocol/rest/operator.ts'
import { getWallet, signUpPlayer } from '#protocol/rest/players.ts'
import { createApp } from '../../src/app.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import { eventually } from '../acceptance/eventually.ts'
import { createRest } from '../acceptance/rest.ts'
import { createStage, square } from '../envelopes/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld, type World } from '../helpers/world.ts'

const operatorKey = `hbo_${'o'.repeat(40)}`
const fix = { ...square, accuracyM: 8 }

async function startServer(t: Test, world: World): Promise<string> {
  const secrets = { JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40), OPERATOR_KEY: operatorKey }
  const urls = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl }
  const config = requireReady(loadConfig({ MODE: 'sandbox', ...secrets, ...urls, LOG_LEVEL: 'silent' }))
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  return app.http.listen({ port: 0, host: '127.0.0.1' })
}

t.test('over HTTP', async t => {
  const world = await createWorld(t)
  const urls = [await startServer(t, world), await startServer(t, world)] as const
  const operator = createRest({ url: urls[0], credential: operatorKey })
  let keys = 0
  const send = (body: object) => ({ idempotencyKey: `key-${++keys}`, body })
  const { merchant, secret } = await operator.get(createMerchant, send({ name: 'Tea house' }))
  const shop = createRest({ url: urls[0], credential: secret })
  const target = { merchantId: merchant.id }
  const hide = (more: object = {}) =>
    shop.get(
      hideEnvelope,
      send({
        place: { type: 'Point', coordinates: [square.lng, square.lat] },
        ...{ total: { amountMinor: '100', currency: 'CNY' }, shares: 10, split: 'equal' },
        ...more,
      }),
    )
  /** The same new player on both servers. */
  async function signUp() {
    const { token, player } = await createRest({ url: urls[0] }).get(signUpPlayer, { body: {} })
    const [near, far] = urls.map(url => createRest({ url, credential: token }))
    assert(near && far)
    return { id: player.id, near, far }
  }
  const claimOf = (id: string) => ({ id, body: { fix } })
  const ask = (text: string, params: unknown[] = []) => world.ownerDatabase.query({ name: '', text }, params)

  await t.test('a cap: set once, used, reached on one server and known on the other', async t => {
    const cap = { target, currency: 'CNY', totalMinor: '25', reason: 'a small campaign' }
    const request = send(cap)
    const set = await operator.get(setCap, request)
    t.match(set, { target, state: 'open', totalMinor: '25', usedTotalMinor: '0' })
    t.same(await operator.get(setCap, request), set, 'a repeated key is answered, not done')
    t.equal(
      await operator.refusal(setCap, { ...request, body: { ...cap, totalMinor: '9' } }),
      'idempotency_mismatch',
    )
    t.equal(await operator.refusal(setCap, { body: cap }), 'idempotency_key_missing')
    t.equal(await operator.refusal(setCap, send({ ...cap, currency: 'XXX' })), 'bad_request')
    const nobody = { merchantId: '01890000-0000-7000-8000-0000000000ff' }
    t.equal(await operator.refusal(setCap, send({ ...cap, target: nobody })), 'not_found')
    t.equal(await shop.refusal(setCap, send(cap)), 'forbidden wrong_caller')
    const { numberReturned } = await operator.get(listActions)
    t.equal(numberReturned, 1, 'what was refused or repeated is not noted')

    const { id } = await hide()
    const players = [await signUp(), await signUp(), await signUp()]
    const [first, second, third] = players
    assert(first && second && third)
    t.match(await first.near.get(claimEnvelope, claimOf(id)), { status: 'claimed' })
    t.match(await second.far.get(claimEnvelope, claimOf(id)), { status: 'claimed' })
    t.equal(await third.near.refusal(claimEnvelope, claimOf(id)), 'frozen')
    await eventually('the other server knows', async () => {
      const { id: playerId, far } = await signUp()
      const refused = (await far.call(claimEnvelope, claimOf(id))).status === 'refused'
      const [waits] = await world.redis.xrevrange(
        `${world.redisPrefix}o:{${partitionOf(id)}}`,
        '+',
        '-',
        'COUNT',
        1,
      )
      return (refused && !waits?.[1].includes(playerId)) || undefined
    })
    t.match(await first.far.get(claimEnvelope, claimOf(id)), { status: 'claimed' }, 'the win is heard')
    t.match(await operator.get(listBudgets), {
      items: [{ target, state: 'frozen', reason: 'cap_total', usedTotalMinor: '20', usedHourMinor: '20' }],
    })
    t.equal(
      await shop.refusal(
        hideEnvelope,
        send({
          place: { type: 'Point', coordinates: [square.lng, square.lat] },
          ...{ total: { amountMinor: '100', currency: 'CNY' }, shares: 10, split: 'equal' },
        }),
      ),
      'frozen',
    )

    await operator.get(setCap, send({ ...cap, totalMinor: '1000' }))
    t.match(await operator.get(listBudgets), { items: [{ state: 'frozen' }] }, 'a cap opens nothing')
    t.match(await operator.get(unfreeze, send({ target, reason: 'raised' })), {
      state: 'open',
      changed: true,
    })
    await eventually('the third wins', async () => {
      const outcome = await third.far.call(claimEnvelope, claimOf(id))
      return outcome.status === 'ok' || undefined
    })
    const { items } = await operator.get(listActions)
    t.same(
      items.map(({ actor, action }) => `${actor} ${action}`),
      ['operator unfreeze', 'operator set_cap', 'cap freeze', 'operator set_cap'],
    )
    t.match(items[2], {
      reason: 'cap_total',
      target: { ...target, currency: 'CNY' },
      after: { usedTotalMinor: '20' },
    })
    const page = await operator.get(listActions, { query: { limit: '3' } })
    const cursor = new URL(page.links.next ?? '', urls[0]).searchParams.get('cursor') ?? ''
    t.same((await operator.get(listActions, { query: { limit: '3', cursor } })).items, items.slice(3))
  })

  await t.test('an envelope: frozen for its hider, too, and live again', async t => {
    const { id } = await hide()
    const player = await signUp()
    t.match(await operator.get(freeze, send({ target: { envelopeId: id }, reason: 'looks odd' })), {
      ...{ target: { envelopeId: id }, state: 'frozen', changed: true },
    })
    t.match(await shop.get(getEnvelope, { id }), { state: 'frozen' })
    t.equal(await player.near.refusal(claimEnvelope, claimOf(id)), 'frozen')
    t.equal(await shop.refusal(closeEnvelope, { id }), 'frozen')
    const again = await operator.get(freeze, send({ target: { envelopeId: id }, reason: 'looks odd' }))
    t.match(again, { changed: false })
    const opened = await operator.get(unfreeze, send({ target: { envelopeId: id }, reason: 'is fine' }))
    t.match(opened, { state: 'live', changed: true })
    // The far server never saw it; the near one remembers the frozen row for ten seconds at most.
    t.match(await player.far.get(claimEnvelope, claimOf(id)), { status: 'claimed' })
    await shop.get(closeEnvelope, { id })
    const late = send({ target: { envelopeId: id }, reason: 'too late' })
    t.equal(await operator.refusal(freeze, late), 'ended closed')
  })

  await t.test('a dead letter: listed, replayed once, told to its winner', async t => {
    const { id } = await hide()
    const player = await signUp()
    const entry = { envelopeId: id, playerId: player.id, shareNo: 3, epoch: 1, entryId: '5-1', partition: 0 }
    await ask(
      `insert into dead_letters (partition, redis_identity, entry_id, entry, fault, attempts, buried_at, updated_at)
       values (0, 'r', '5-1', $1, 'a test', 8, now(), now())`,
      [JSON.stringify(entry)],
    )
    const { items } = await operator.get(listDeadLetters)
    t.match(items, [{ envelopeId: id, playerId: player.id, shareNo: 3, attempts: 8, buriedAt: String }])
    const request = send({ reason: 'the cause is gone' })
    const replayed = await operator.get(replayDeadLetters, request)
    t.match(replayed, { items: [{ id: items[0]?.id, status: 'settled' }], left: 0 })
    t.same(await operator.get(replayDeadLetters, request), replayed, 'the same key again')
    t.match(await operator.get(replayDeadLetters, send({ reason: 'again' })), {
      items: { length: 0 },
      left: 0,
    })
    const { claimId } = (await player.near.get(claimEnvelope, claimOf(id))) as { claimId: string }
    t.equal(claimId, replayed.items[0]?.claimId)
    const { balances } = await player.near.get(getWallet)
    t.match(
      balances.find(({ currency }) => currency === 'CNY'),
      { amountMinor: '10000010' },
    )
    t.match((await operator.get(listActions)).items[0], { action: 'replay', after: { settled: 1 } })
  })

  await t.test('the log is added to and never changed', async t => {
    await t.rejects(ask("update operator_actions set reason = 'x'"), /append-only/)
    await t.rejects(ask('delete from operator_actions'), /append-only/)
    const text = 'update operator_actions set reason = reason'
    await t.rejects(world.database.query({ name: '', text }), /permission denied/)
  })
  await assertBooks(t, world)
})

t.test('one envelope, frozen and let go', async t => {
  const stage = await createStage(t)
  const {
    world,
    clock,
    envelopes,
    announced,
    hideWell,
    createMerchant: addMerchant,
    stateOf,
    balanceOf,
  } = stage
  const hider = await addMerchant()
  const move = async (verb: 'freeze' | 'unfreeze', envelopeId: string) => {
    announced.length = 0
    const moved = await world.database.transact(tx => envelopes[verb](tx, { envelopeId, reason: 'a test' }))
    if (moved.status === 'ok') moved.announce()
    return moved
  }
  const hour = 3_600_000
  const inMs = (ms: number) => new Date(clock.nowMs() + ms).toISOString()

  await t.test('live: a new epoch each time, told to those near', async t => {
    const { id } = await hideWell(hider)
    t.match(await move('freeze', id), { state: 'frozen', changed: true })
    t.same(await stateOf(id), { state: 'frozen', epoch: 2n })
    t.same(announced, [{ event: 'ended', id, reason: 'frozen' }])
    t.match(await move('freeze', id), { state: 'frozen', changed: false })
    t.same(announced, [])
    t.match(await move('unfreeze', id), { state: 'live', changed: true })
    t.same(await stateOf(id), { state: 'live', epoch: 3n })
    t.match(announced, [{ event: 'opened', id, kind: 'merchant' }])
    t.match(await move('unfreeze', id), { state: 'live', changed: false })
  })

  await t.test('not open yet: nobody hears of it, and it waits again', async t => {
    const { id } = await hideWell(hider, { opensAt: inMs(hour) })
    t.match(await move('freeze', id), { state: 'frozen', changed: true })
    t.match(await move('unfreeze', id), { state: 'funded', changed: true })
    t.same(announced, [])
    t.match(await move('freeze', id), { changed: true })
    clock.advance(hour)
    t.match(await move('unfreeze', id), { state: 'live' }, 'its time came meanwhile')
    t.match(announced, [{ event: 'opened', id }])
  })

  await t.test('over by now: expired and refunded at once', async t => {
    const before = await balanceOf(hider.id)
    const { id } = await hideWell(hider, { expiresAt: inMs(hour) })
    await move('freeze', id)
    clock.advance(hour)
    t.match(await move('unfreeze', id), { state: 'expired', changed: true })
    t.match(announced, [{ event: 'ended', id, reason: 'expired' }])
    t.equal(await balanceOf(hider.id), before)
    t.match(await move('unfreeze', id), { code: 'ended', reason: 'expired' })
  })

  t.match(await move('freeze', '01890000-0000-7000-8000-0000000000ff'), { code: 'not_found' })
  await assertBooks(t, world)
})
