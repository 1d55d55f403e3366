/** Webhooks: what is told and to whom, in which order, how often, and what owners may do about it. */
import { getMaxListeners } from 'node:events'
import t, { type Test } from 'tap'
import { Check } from 'typebox/value'
import { limits } from '#protocol/limits.ts'
import { messageOf, type WebhookEventType, webhookEvents } from '#protocol/rest/webhook-events.ts'
import { judgeSignature, signMessage } from '#platform/signature.ts'
import { pseudonymOf } from '../../src/envelopes/audience.ts'
import { deliverLimits } from '../../src/webhooks/deliver.ts'
import { createEndpoint } from '../../src/webhooks/manage.ts'
import type { WebhookRecord } from '../../src/webhooks/ports.ts'
import { webhookRecord } from '../../src/webhooks/postgres.ts'
import { eventually } from '../acceptance/eventually.ts'
import { assertBooks } from '../helpers/books.ts'
import { readPage } from '../docs/page.ts'
import { createRequestStage } from '../requests/stage.ts'
import { answers, createReceiver, type Received } from './receiver.ts'
import { createPausedServer, createWebhookServer, createWebhookStage, operator, parse } from './stage.ts'

const { retriesAfterMs, atOnce, disabledAfterMs, jitterPercent, keptMs } = limits.webhook
const hmacSecret = 'a secret for tests, long enough.'
const typesOf = (received: readonly Received[]) => received.map(one => parse(one).type)
const idsOf = (received: readonly Received[]) => received.map(({ headers }) => String(headers['webhook-id']))
const claimsOf = (received: readonly Received[]) => received.map(one => String(parse(one).data.claimId))

/** Held against the description of its type, which knows no further field. */
function checkShape(t: Test, received: Received): void {
  const { type } = parse(received)
  const schema = messageOf(type, webhookEvents[type as WebhookEventType].data)
  t.ok(Check(schema, JSON.parse(received.body)), received.body)
}

t.test('the vector of the Standard Webhooks specification', async t => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const message = {
    ...{ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampS: '1614265330', body: '{"test": 2432232314}' },
  }
  t.equal(signMessage(secret, message), 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

t.test('the ten lines of the README verify what we sign, and nothing else', async t => {
  const script = readPage('README.md').blocks.find(
    ({ section, info }) => section === 'Webhooks' && info === 'js',
  )
  const text = script?.text ?? ''
  t.ok(text.split('\n').length <= 12, 'ten lines and an import')
  type Script = { isGenuine(secret: string, headers: Record<string, string>, body: string): boolean }
  const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as Script
  const [secret, other] = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', `whsec_${'A'.repeat(44)}`]
  const said = '{"test":"茶"}'
  const judge = ({ key = secret, ageS = 0, heard = said, more = '' }) => {
    const [id, timestampS] = ['msg_1', String(Math.floor(Date.now() / 1_000) - ageS)]
    const signature = `${more}${signMessage(key, { id, timestampS, body: said })}`
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestampS, 'webhook-signature': signature }
    return isGenuine(secret, headers, heard)
  }
  t.ok(judge({}))
  t.ok(judge({ more: `${signMessage(other, { id: 'msg_1', timestampS: '1', body: '' })} ` }), 'one of two')
  t.notOk(judge({ key: other }))
  t.notOk(judge({ heard: '{"test":"cha"}' }))
  t.notOk(judge({ ageS: 600 }))
})

t.test('webhooks', async t => {
  const stage = await createWebhookStage(t)
  const { world, clock, server, listen, win, statesOf, deliveriesOf, hideWell, createMerchant, ask, http } =
    stage
  const turn = () => server.turn()
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await assertBooks(t, world)
    })

  scene('a merchant hears of their own claims and ends, signed, and of nobody else', async t => {
    const [shop, rival] = [await createMerchant(), await createMerchant()]
    const [receiver, other] = [await createReceiver(t), await createReceiver(t)]
    const { secret } = await listen(shop, receiver.url)
    await listen(rival, other.url)
    const terms = { shares: 2, split: 'lucky', total: { amountMinor: '100', currency: 'CNY' } } as const
    const { id } = await hideWell(shop, terms)
    const hider = await stage.createPlayer()
    const { id: ofPlayer } = await hideWell(hider, terms)
    await win(ofPlayer, 2)
    const [player, late] = [await stage.createPlayer({ minor: 0n }), await stage.createPlayer({ minor: 0n })]
    const won = await stage.claim(player, id)
    await stage.claim(late, id)
    await turn()
    t.same(typesOf(receiver.received), ['envelope.claimed', 'envelope.claimed', 'envelope.ended'])
    t.same(other.received, [])
    for (const one of receiver.received) {
      checkShape(t, one)
      const verdict = judgeSignature({ secret, nowMs: clock.nowMs() }, one.headers, Buffer.from(one.body))
      t.equal(verdict, undefined, 'genuine')
      t.notMatch(
        one.body,
        new RegExp(`${player.id}|${late.id}|lat|lng|coordinates|cell|31\\.2`),
        'nobody, nowhere',
      )
    }
    t.equal(new Set(idsOf(receiver.received)).size, 3)
    const winner = pseudonymOf(hmacSecret, { envelopeId: id, hider: shop, playerId: player.id })
    const [first, , last] = receiver.received.map(parse)
    const claim = won.status === 'claimed' ? won.claim : undefined
    t.match(first, {
      timestamp: new Date(clock.nowMs()).toISOString(),
      data: {
        ...{ claimId: claim?.id, envelopeId: id, winner },
        amount: { amountMinor: String(claim?.amountMinor), currency: 'CNY' },
      },
    })
    t.match(last?.data, { reason: 'empty', claimedShares: 2, refunded: { amountMinor: '0' } })
    await turn()
    t.equal(receiver.received.length, 3, 'once')
  })

  scene('an envelope that is closed or expires', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    await listen(shop, receiver.url, ['envelope.ended'])
    const closed = await hideWell(shop, { shares: 10 })
    await win(closed.id, 3)
    await stage.envelopes.close({ caller: shop, id: closed.id })
    const expired = await hideWell(shop)
    clock.advance(limits.envelope.lifetimeMs.default + 1)
    for (const job of stage.envelopes.jobs) await job.run(0)
    await turn()
    const money = (amountMinor: string) => ({ amountMinor, currency: 'CNY' })
    for (const one of receiver.received) checkShape(t, one)
    t.match(
      // Two envelopes do not wait for each other.
      receiver.received
        .map(one => parse(one).data)
        .sort((a, b) => (String(a.reason) < String(b.reason) ? -1 : 1)),
      [
        { envelopeId: closed.id, reason: 'closed', claimed: money('300'), refunded: money('700') },
        { envelopeId: expired.id, reason: 'expired', claimedShares: 0, refunded: money('1000') },
      ],
    )
  })

  scene('events of one envelope come one after the other, whatever happens to one of them', async t => {
    const shop = await createMerchant()
    let failing = 2
    const receiver = await createReceiver(t, (response, received, count) => {
      const isSecond = parse(received).data.claimId === second
      if (isSecond && failing-- > 0) response.writeHead(500).end()
      else answers.later(count % 3)(response, received, count)
    })
    let second = ''
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const [slow, quick] = [await hideWell(shop), await hideWell(shop)]
    await win(slow.id, 6)
    await win(quick.id, 4)
    const claims = await ask<{ id: string; envelope_id: string; share_no: number }>(
      'select id, envelope_id, share_no from claims where envelope_id = any($1) order by share_no',
      [[slow.id, quick.id]],
    )
    const of = (id: string) => claims.filter(claim => claim.envelope_id === id).map(claim => claim.id)
    second = of(slow.id)[1] ?? ''
    await turn()
    const soFar = () => claimsOf(receiver.received)
    const among = (id: string) => soFar().filter(claim => of(id).includes(claim))
    t.same(among(slow.id), of(slow.id).slice(0, 2), 'behind a failure everything waits')
    t.same(among(quick.id), of(quick.id), 'of another envelope nothing does')
    clock.advance(retriesAfterMs[0] * 2)
    await turn()
    t.same(among(slow.id), [...of(slow.id).slice(0, 2), second])
    clock.advance(retriesAfterMs[1] * 2)
    await turn()
    t.same(among(slow.id), [...of(slow.id).slice(0, 2), second, ...of(slow.id).slice(1)])
    t.same(new Set(await statesOf(endpointId)), new Set(['delivered']))
    const ids = idsOf(receiver.received.filter(one => parse(one).data.claimId === second))
    t.equal(new Set(ids).size, 1, 'the same message each time')
  })

  scene('the schedule, to the dead letter and the one behind it', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t, answers.status(500, 'broken'))
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const { id } = await hideWell(shop)
    await win(id, 2)
    for (const [i, delayMs] of retriesAfterMs.entries()) {
      await turn()
      t.equal(receiver.received.length, i + 1)
      const [first] = await deliveriesOf(endpointId)
      const waitMs = (first?.due_at?.getTime() ?? 0) - clock.nowMs()
      const off = Math.abs(waitMs / delayMs - 1)
      t.ok(off <= jitterPercent / 100, `${waitMs} ms after failure ${i + 1}`)
      clock.advance(waitMs - 1)
      await turn()
      t.equal(receiver.received.length, i + 1, 'not a moment earlier')
      clock.advance(1)
    }
    t.same(await statesOf(endpointId), ['waiting', 'waiting'])
    await turn()
    t.same(await statesOf(endpointId), ['dead', 'waiting'])
    await turn()
    const [one, two] = [...new Set(claimsOf(receiver.received))]
    t.same(claimsOf(receiver.received), [...Array.from({ length: 10 }, () => one), two])
    receiver.answer(answers.status(503, '', { 'retry-after': '3600' }))
    clock.advance(retriesAfterMs[0] * 2)
    await turn()
    const due = (await deliveriesOf(endpointId))[1]?.due_at?.getTime()
    t.equal(due, clock.nowMs() + 3_600_000, 'who asks for an hour gets it')
  })

  scene(
    '410 disables an endpoint, and so do days of failures; what waits is sent when it is back',
    async t => {
      const { caller: shop, credential } = await http.signUpMerchant()
      const receiver = await createReceiver(t, answers.status(410))
      const { id: endpointId } = await listen(shop, receiver.url)
      const { id } = await hideWell(shop)
      await win(id, 1)
      const url = `/v1/webhook-endpoints/${endpointId}`
      const look = async () => (await http.send({ url, credential })).body
      await turn()
      t.match(await look(), { state: 'disabled', disabledReason: 'gone', disabledAt: String })
      clock.advance(retriesAfterMs[0] * 2)
      await win(id, 1, 2)
      await turn()
      t.equal(receiver.received.length, 1, 'no more of it')
      t.match(await http.send({ method: 'POST', url: `${url}/test`, credential }), {
        ...{ status: 409, body: { code: 'endpoint_disabled', reason: 'gone' } },
      })

      const activate = () => http.send({ method: 'PATCH', url, credential, body: { state: 'active' } })
      receiver.answer(answers.status(500))
      t.match(await activate(), { status: 200, body: { state: 'active', failingSince: undefined } })
      await turn()
      t.equal(receiver.received.length, 2)
      t.match(await look(), { state: 'active', failingSince: String })
      clock.advance(disabledAfterMs)
      await turn()
      t.match(await look(), { state: 'disabled', disabledReason: 'failing' })

      receiver.answer(answers.status(204))
      await activate()
      clock.advance(retriesAfterMs[2] * 2)
      await turn()
      t.match(await look(), { state: 'active', failingSince: undefined })
      t.same(await statesOf(endpointId), ['delivered'])
      const missed = { from: new Date(0).toISOString(), to: new Date(clock.nowMs() + 1).toISOString() }
      const replay = (body: object) => http.send({ method: 'POST', url: `${url}/replay`, credential, body })
      t.match(await replay(missed), { status: 200, body: { replayed: 1, nextFrom: undefined } })
      await turn()
      t.same(await statesOf(endpointId), ['delivered', 'delivered'], 'the claim of when it was disabled')
      const before = idsOf(receiver.received)
      t.match(await replay(missed), { body: { replayed: 0 } })
      t.match(await replay({ ...missed, delivered: true }), { body: { replayed: 2 } })
      await turn()
      t.same(new Set(idsOf(receiver.received)), new Set(before), 'the same messages')
      t.equal(receiver.received.length, before.length + 2)
    },
  )

  scene(
    'a server dies between sending and noting it: nothing is lost, and it is the same message',
    async t => {
      const shop = await createMerchant()
      const receiver = await createReceiver(t)
      const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
      const { id } = await hideWell(shop)
      await win(id, 3)
      const lockEndpoint = () => Promise.reject(new Error('the server is dead'))
      const dying = createWebhookServer(world, { record: { ...webhookRecord, lockEndpoint } })
      await dying.begin()
      await eventually(
        'it was sent',
        () => (receiver.received.length === 1 && receiver.open() === 0) || undefined,
      )
      await dying.drain()
      await server.begin()
      t.equal(receiver.received.length, 1, 'nobody sends it while the lease lasts')
      clock.advance(deliverLimits.leaseMs)
      await turn()
      t.same(await statesOf(endpointId), ['delivered', 'delivered', 'delivered'])
      const ids = idsOf(receiver.received)
      t.equal(ids.length, 4)
      t.same([ids[1], new Set(ids).size], [ids[0], 3])
    },
  )

  scene('whoever was away for longer than a lease changes nothing any more', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const { id } = await hideWell(shop)
    await win(id, 1)
    const [first, second] = [createPausedServer(world), createPausedServer(world)]
    await first.begin()
    clock.advance(deliverLimits.leaseMs)
    await second.begin()
    first.wake({ status: 500, tookMs: 1 })
    await first.drain()
    t.match(await deliveriesOf(endpointId), [{ state: 'waiting', failures: 0, lease: 2n }])
    await server.begin()
    t.equal(receiver.received.length, 0, 'it is still in the hands of the second')
    second.wake({ status: 204, tookMs: 1 })
    await second.drain()
    t.same(await statesOf(endpointId), ['delivered'])
    const logged = await ask<{ status: number }>(
      'select a.status from webhook_attempts a join webhook_deliveries d on d.id = delivery_id where endpoint_id = $1',
      [endpointId],
    )
    t.same(new Set(logged.map(({ status }) => status)), new Set([500, 204]), 'both are in the log')
  })

  scene('whoever is frozen before sending has nothing in hand any more', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    await win((await hideWell(shop)).id, 1)
    const frozen: WebhookRecord = {
      ...webhookRecord,
      async lease(tx, order) {
        const leased = await webhookRecord.lease(tx, order)
        clock.advance(deliverLimits.leaseMs)
        return leased
      },
    }
    const waking = createWebhookServer(world, { record: frozen })
    await waking.begin()
    await waking.drain()
    t.same(receiver.received, [])
    await turn()
    t.same(await statesOf(endpointId), ['delivered'])
    t.equal(receiver.received.length, 1, 'once')
  })

  scene('two servers send each delivery once, and few at a time', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t, answers.later(10))
    const { id: endpointId } = await listen(shop, receiver.url)
    for (let i = 0; i < 12; i++) {
      const { id } = await hideWell(shop, { shares: 3 })
      await win(id, 3)
    }
    const other = createWebhookServer(world)
    await Promise.all([turn(), other.turn(), turn(), other.turn()])
    await other.drain()
    t.same(new Set(await statesOf(endpointId)), new Set(['delivered']))
    t.equal(receiver.received.length, 12 * 4)
    t.equal(new Set(idsOf(receiver.received)).size, 12 * 4, 'none twice')
    t.ok(receiver.mostOpen() <= atOnce, `${receiver.mostOpen()} at once`)
    t.ok(receiver.mostOpen() > 1, 'envelopes do not wait for each other')
  })

  scene('a later event waits for an earlier one that another server has in hand', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    await win((await hideWell(shop)).id, 3)
    let [isDone, other] = [false, Promise.resolve()]
    await world.database.transact(async tx => {
      const taken = await webhookRecord.takeNew(tx, 1)
      other = server.begin().finally(() => (isDone = true))
      const waiting = `select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%webhook_events%'`
      await eventually('the other one is as far as it comes', async () => {
        return isDone || (await ask(waiting)).length > 0 || undefined
      })
      const positions = taken.map(({ position }) => position)
      await webhookRecord.promote(
        tx,
        await webhookRecord.addDeliveries(tx, positions, clock.nowMs()),
        clock.nowMs(),
      )
    })
    await other
    await turn()
    const claims = await ask<{ id: string }>(
      `select facts ->> 'claimId' as id from webhook_events e join webhook_deliveries using (position)
       where endpoint_id = $1 order by position`,
      [endpointId],
    )
    t.same(
      claimsOf(receiver.received),
      claims.map(({ id }) => id),
    )
  })

  scene('who is quick gets one after the other at once, who is slow at leisure', async t => {
    const shop = await createMerchant()
    const { id: endpointId } = await listen(shop, 'https://hooks.example/', ['envelope.claimed'])
    const { id } = await hideWell(shop)
    await win(id, 4)
    for (const [tookMs, delivered] of [
      [deliverLimits.quickMs + 1, 1],
      [1, 4],
    ] as const) {
      const room: number[] = []
      const post = async (_: unknown, signal = new AbortController().signal) => {
        room.push(getMaxListeners(signal))
        return { status: 204, tookMs }
      }
      const one = createWebhookServer(world, { post })
      await one.turn()
      t.ok(
        room.length > 0 && room.every(n => n >= deliverLimits.atOnce),
        'each attempt may listen for the end',
      )
      await one.drain()
      const states = await statesOf(endpointId)
      t.equal(states.filter(state => state === 'delivered').length, delivered, `${tookMs} ms`)
    }
  })

  scene('who hangs is tried by one at a time, and keeps nobody from being told', async t => {
    const [hanging, fine] = [await createMerchant(), await createMerchant()]
    const [receiver, other] = [await createReceiver(t, answers.status(500)), await createReceiver(t)]
    await listen(hanging, receiver.url)
    await listen(fine, other.url)
    await win((await hideWell(hanging)).id, 1)
    await turn()
    for (let i = 0; i < 5; i++) await win((await hideWell(hanging)).id, 1)
    await win((await hideWell(fine)).id, 1)
    receiver.answer(answers.nothing)
    const count = receiver.received.length
    await server.begin()
    await eventually('the other one is told', () => other.received.length === 1 || undefined)
    await eventually('the hanging one is asked', () => receiver.received.length === count + 1 || undefined)
    await server.begin()
    await server.begin()
    t.equal(receiver.open(), 1)
    await ask(`delete from webhook_endpoints where owner = $1`, [`merchant:${hanging.id}`])
  })

  scene('who answers late, everywhere, leaves room for others', async t => {
    const [late, fine] = [await createMerchant(), await createMerchant()]
    const [receiver, other] = [await createReceiver(t, answers.nothing), await createReceiver(t)]
    for (let i = 0; i < limits.webhook.endpoints; i++) await listen(late, receiver.url, ['envelope.claimed'])
    for (let i = 0; i < 4; i++) await win((await hideWell(late)).id, 1)
    clock.advance(1)
    await listen(fine, other.url, ['envelope.claimed'])
    await win((await hideWell(fine)).id, 1)
    const { ofOwner } = deliverLimits
    for (let i = 0; i < 3; i++) await server.begin()
    await eventually('the other one is told', () => other.received.length === 1 || undefined)
    await eventually('the late one is asked', () => receiver.received.length >= ofOwner || undefined)
    await createWebhookServer(world).begin()
    await ask('delete from webhook_endpoints where owner = $1', [`merchant:${late.id}`])
    t.equal(receiver.received.length, ofOwner, 'by all servers together')
  })

  scene('service requests are told the operator', async t => {
    const requestStage = await createRequestStage(t)
    const requestServer = createWebhookServer(requestStage.world, { hmacSecret: 'h'.repeat(40) })
    const receiver = await createReceiver(t)
    const types = (Object.keys(webhookEvents) as WebhookEventType[]).filter(type =>
      type.startsWith('request.'),
    )
    await createEndpoint(requestServer.manage, { caller: operator, url: receiver.url, types })
    const [poster, provider] = [await requestStage.add(1_000_000n), await requestStage.add()]
    const { requests } = requestStage
    const id = await requestStage.open(poster)
    const offered = await requests.offer({ caller: provider, id, note: undefined })
    if (offered.status === 'refused') throw new Error(offered.code)
    await requests.accept({ caller: poster, id, offerId: offered.body.id })
    await requests.deliver({ caller: provider, id })
    await requests.dispute({ caller: poster, id, reason: 'no tea' })
    await requestStage.split(id, '1000')
    const again = await requestStage.openAccepted(poster, provider)
    await requests.cancel({ caller: provider, id: again })
    await requests.cancel({ caller: poster, id: again })
    const draft = await requestStage.open(poster, { draft: true })
    await requests.cancel({ caller: poster, id: draft })
    await requestServer.turn()
    await requestServer.drain()
    for (const one of receiver.received) {
      checkShape(t, one)
      t.notMatch(one.body, new RegExp(`${poster.id}|${provider.id}|Door 7|Queue for me|coordinates`))
    }
    const of = (requestId: string) =>
      receiver.received.map(parse).filter(({ data }) => data.serviceRequestId === requestId)
    t.same(
      of(id).map(({ type }) => type.replace('request.', '')),
      ['opened', 'accepted', 'delivered', 'disputed', 'settled'],
    )
    t.same(
      of(again).map(({ type }) => type.replace('request.', '')),
      ['opened', 'accepted', 'opened', 'cancelled'],
    )
    t.same(of(draft), [], 'of what never was')
    t.match(of(id).at(-1)?.data, { paid: { amountMinor: '1000' }, refunded: { amountMinor: '2000' } })
    const view = await requests.get({ caller: poster, id })
    t.equal(of(id)[1]?.data.provider, view.status === 200 && view.body.provider, 'as the poster sees them')
    await assertBooks(t, requestStage.world)
  })

  scene('campaigns, and envelopes of a drop that nobody saw', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    const states = ['scheduled', 'live', 'paused', 'ended'] as const
    const moves = states.map(state => `campaign.${state}` as const)
    const drops = ['campaign.dropped', 'campaign.drop_undone'] as const
    await listen(shop, receiver.url, [...moves, ...drops, 'envelope.ended'])
    const campaignId = shop.id.replace(/^.{8}/, '0a0b0c0d')
    const square = 'POLYGON((121 31,121.01 31,121.01 31.01,121 31))'
    await ask(
      `insert into campaigns (id, merchant_id, created_at, name, state, area, currency, budget, starts_at, ends_at,
         time_zone, windows)
       values ($1, $2, now(), 'Lanterns', 'draft', $3::geography, 'CNY', 100, now(), now() + '1 day', 'UTC', '[]')`,
      [campaignId, shop.id, square],
    )
    for (const state of states) {
      const endedAt = state === 'ended' ? new Date(clock.nowMs()) : null
      await ask('update campaigns set state = $2, ended_at = $3 where id = $1', [campaignId, state, endedAt])
    }
    const { id } = await hideWell(shop, { opensAt: new Date(clock.nowMs() + 3_600_000).toISOString() })
    const tables = ['envelopes', 'drops', 'campaigns']
    for (const table of tables) await ask(`alter table ${table} disable trigger ${table}_stay`)
    await ask(
      `with one as (
         insert into drops (id, campaign_id, state, terms, lngs, lats, envelopes, cost, created_at, expires_at)
         values ($1, $1, 'filling', '{}', '{121}', '{31}', 1, 1000, now(), now()) returning id)
       update envelopes set campaign_id = $1, drop_id = one.id from one where envelopes.id = $2`,
      [campaignId, id],
    )
    await stage.envelopes.close({ caller: shop, id })
    await ask(`update drops set state = 'undoing' where id = $1`, [campaignId])
    await ask(`update drops set state = 'undone' where id = $1`, [campaignId])
    await ask(`update drops set state = 'live', placed = 1 where id = $1`, [campaignId])
    await ask(`update drops set is_opened = true where id = $1`, [campaignId])
    await turn()
    for (const one of receiver.received) checkShape(t, one)
    t.match(
      receiver.received.map(one => parse(one)).slice(0, states.length),
      states.map(state => ({ type: `campaign.${state}`, data: { campaignId, name: 'Lanterns', state } })),
    )
    const data = {
      campaignId,
      dropId: campaignId,
      envelopes: 1,
      cost: { amountMinor: '1000', currency: 'CNY' },
    }
    t.match(
      receiver.received.map(one => parse(one)).slice(states.length),
      ['campaign.drop_undone', 'campaign.dropped'].map(type => ({ type, data })),
    )
    t.equal(receiver.received.length, states.length + drops.length)
    // Planted without its money, which the books would miss; and its moves have PostgreSQL's time.
    await ask('delete from webhook_events where owner = $1', [`merchant:${shop.id}`])
    await ask('update envelopes set drop_id = null, campaign_id = null where id = $1', [id])
    await ask('delete from drops where id = $1', [campaignId])
    await ask('delete from campaigns where id = $1', [campaignId])
    for (const table of tables) await ask(`alter table ${table} enable trigger ${table}_stay`)
  })

  scene('an event is written with what it tells, or not at all', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    await listen(shop, receiver.url, ['envelope.claimed'])
    const owner = `merchant:${shop.id}` as const
    const event = { owner, subjectId: shop.id, data: { hello: 'there' }, atMs: clock.nowMs() }
    await world.database.transact(tx => server.noteEvent(tx, { ...event, type: 'envelope.claimed' }))
    await world.database.transact(tx => server.noteEvent(tx, { ...event, type: 'envelope.ended' }))
    const failed = world.database.transact(async tx => {
      await server.noteEvent(tx, { ...event, type: 'envelope.claimed' })
      throw new Error('rolled back')
    })
    await t.rejects(failed, /rolled back/)
    const events = await ask('select type from webhook_events where owner = $1', [owner])
    t.same(events, [{ type: 'envelope.claimed' }])

    const [deaf, choosy] = [await createMerchant(), await createMerchant()]
    await listen(choosy, receiver.url, ['envelope.ended'])
    for (const other of [deaf, choosy]) await win((await hideWell(other, { shares: 2 })).id, 2)
    const owners = [`merchant:${deaf.id}`, `merchant:${choosy.id}`]
    const kept = await ask('select owner, type from webhook_events where owner = any($1)', [owners])
    t.same(kept, [{ owner: owners[1], type: 'envelope.ended' }], 'nothing that nobody asks for')
  })

  scene('what is old goes, and what stood behind it moves up', async t => {
    const shop = await createMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const { id } = await hideWell(shop, {
      expiresAt: new Date(clock.nowMs() + 20 * 86_400_000).toISOString(),
    })
    await ask(`update webhook_endpoints set failing_since = null where id = $1`, [endpointId])
    await win(id, 1)
    receiver.answer(answers.status(500))
    await turn()
    clock.advance(10 * 86_400_000)
    await win(id, 1, 2)
    const handOut = createWebhookServer(world, { post: async () => ({ status: 500, tookMs: 0 }) })
    await handOut.turn()
    await handOut.drain()
    clock.advance(keptMs - 10 * 86_400_000 + 1)
    await server.purge()
    t.match(await deliveriesOf(endpointId), [{ state: 'waiting', due_at: Date }])
    clock.advance(keptMs)
    await server.purge()
    for (const table of ['webhook_events', 'webhook_deliveries', 'webhook_attempts']) {
      t.match(await ask(`select count(*)::int as n from ${table}`), [{ n: 0 }], table)
    }
  })
})
