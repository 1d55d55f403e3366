/** Endpoints and what their owners do with them: whose they are, secrets, the log, replays, inboxes, and their end. */
import t, { type Test } from 'tap'
import { limits } from '#protocol/limits.ts'
import { createSeal } from '#platform/seal.ts'
import { judgeSignature } from '#platform/signature.ts'
import { disable, type Endpoint } from '../../src/webhooks/endpoint.ts'
import { judgeAttempt, judgeEndpoint } from '../../src/webhooks/outcome.ts'
import { webhookRecord } from '../../src/webhooks/postgres.ts'
import { operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { answers, createReceiver, type Received } from './receiver.ts'
import { createPausedServer, createWebhookStage } from './stage.ts'

const { retriesAfterMs, rotationMs, disabledAfterMs } = limits.webhook
const idsOf = (received: readonly Received[]) => received.map(({ headers }) => String(headers['webhook-id']))

t.test('what follows from an attempt', async t => {
  const after = (answer: { status?: number; retryAfterMs?: number }, failures = 0, fraction = 0.5) =>
    judgeAttempt(answer, { failures, nowMs: 1_000, fraction })
  for (const status of [200, 201, 204, 299]) t.equal(after({ status }, 3).state, 'delivered', `${status}`)
  t.equal(after({ status: 204 }, 3).failures, 3, 'how often it failed before stays in the log')
  for (const status of [undefined, 101, 199, 300, 301, 307, 400, 404, 409, 429, 500, 503]) {
    t.match(after(status === undefined ? {} : { status }), { state: 'waiting', failures: 1 }, `${status}`)
  }
  for (const [failures, delayMs] of retriesAfterMs.entries()) {
    const due = (fraction: number) => {
      const outcome = after({ status: 500 }, failures, fraction)
      return outcome.state === 'waiting' ? outcome.dueAtMs - 1_000 : undefined
    }
    t.same(
      [due(0), due(0.5), due(1)],
      [(delayMs * 9) / 10, delayMs, (delayMs * 11) / 10],
      `after failure ${failures + 1}`,
    )
  }
  t.match(after({ status: 500 }, retriesAfterMs.length), { state: 'dead', failures: 10 })
  t.match(
    after({ status: 410 }, 2),
    { state: 'waiting', failures: 2, dueAtMs: 1_000 },
    'gone is no failure of it',
  )
  t.match(after({ status: 503, retryAfterMs: 3_600_000 }), { dueAtMs: 3_601_000 })
  t.match(
    after({ status: 503, retryAfterMs: 1_000 }),
    { dueAtMs: 6_000 },
    'sooner than the schedule is not asked for',
  )
  t.match(after({ status: 503, retryAfterMs: 9e15 }), { dueAtMs: 86_401_000 }, 'nor later than in a day')

  const fresh = { disabled: null, failingSinceMs: null, url: 'https://hooks.example/' } as Endpoint
  const failing = { ...fresh, failingSinceMs: 1_000 }
  const judge = (endpoint: Endpoint, status: number, nowMs = 1_000) =>
    judgeEndpoint(endpoint, { status }, nowMs)
  t.equal(judge(fresh, 204), fresh)
  t.same(judge(failing, 204), fresh, 'one success and nothing has failed')
  t.same(judge(fresh, 500), failing)
  t.same(judge(failing, 500, 1_000 + disabledAfterMs - 1), failing)
  t.same(judge(failing, 500, 1_000 + disabledAfterMs), disable(failing, 'failing', 1_000 + disabledAfterMs))
  t.match(judge(fresh, 410), { disabled: { reason: 'gone', atMs: 1_000 } })
  const disabled = disable(failing, 'by_owner', 7)
  t.match(judge(disabled, 410), { disabled: { reason: 'by_owner', atMs: 7 } }, 'its owner was first')
})

t.test('endpoints', async t => {
  const stage = await createWebhookStage(t)
  const { world, clock, server, listen, win, statesOf, deliveriesOf, hideWell, ask, http } = stage
  const turn = () => server.turn()
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await assertBooks(t, world)
    })

  scene('a rotation: for a day either secret verifies', async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId, secret: old } = await listen(shop, receiver.url)
    const url = `/v1/webhook-endpoints/${endpointId}`
    const rotate = () => http.send({ method: 'POST', url: `${url}/secret`, credential })
    const { body } = await rotate()
    const secret = String(body.secret)
    t.not(secret, old)
    t.match(body.endpoint, { previousSecretUntil: new Date(clock.nowMs() + rotationMs).toISOString() })
    const verified = async () => {
      await http.send({ method: 'POST', url: `${url}/test`, credential })
      await turn()
      const { headers, body: sent } = receiver.received.at(-1) as Received
      t.match(JSON.parse(sent), { type: 'webhook.test', data: { endpointId } })
      return [secret, old].map(
        one =>
          judgeSignature({ secret: one, nowMs: clock.nowMs() }, headers, Buffer.from(sent)) === undefined,
      )
    }
    t.same(await verified(), [true, true])
    clock.advance(rotationMs)
    t.same(await verified(), [true, false])
    const kept = await ask<{ row: string }>('select p::text as row from webhook_endpoints p where id = $1', [
      endpointId,
    ])
    t.notMatch(kept[0]?.row, secret.slice(6, 30), 'sealed at rest')
    t.match(kept[0]?.row, receiver.url)

    const stranger = createSeal('another key of another server', {
      ...{ purpose: 'webhook secrets', random: world.random },
    })
    const sealed = [stranger.close('whsec_AAAA'), endpointId]
    await ask('update webhook_endpoints set secret = $1 where id = $2', sealed)
    const { body: tested } = await http.send({ method: 'POST', url: `${url}/test`, credential })
    await turn()
    const look = async () =>
      (await http.send({ url: `${url}/deliveries/${String(tested.id)}`, credential })).body
    t.match(await look(), { delivery: { state: 'waiting', failures: 1 }, attempts: [{ fault: 'internal' }] })
    await rotate()
    clock.advance(retriesAfterMs[0] * 2)
    await turn()
    t.match(await look(), { delivery: { state: 'delivered' } }, 'a new secret and it goes on')
  })

  scene('endpoints over HTTP: whose they are, and what is refused', async t => {
    const [mine, theirs] = [await http.signUpMerchant(), await http.signUpMerchant()]
    const base = '/v1/webhook-endpoints'
    const make = (body: object, credential = mine.credential) =>
      http.send({ method: 'POST', url: base, credential, body })
    const good = { url: 'https://hooks.example/x', types: ['envelope.claimed'] }
    const refused: [object, string][] = [
      [{ url: 'https://user:word@hooks.example/' }, 'url_invalid'],
      [{ url: 'ftp://hooks.example/' }, 'scheme'],
      [{ url: 'https://hooks.example:22/' }, 'port'],
      [{ url: 'https://10.0.0.1/' }, 'address'],
      [{ types: ['request.opened'] }, 'type'],
      [{ description: '\u202etxt' }, 'text_refused'],
    ]
    for (const [change, reason] of refused) {
      t.match(await make({ ...good, ...change }), { status: 422, body: { code: 'endpoint_refused', reason } })
    }
    t.match(await make({ ...good, types: ['envelope.lost'] }), { status: 400 })
    t.match(await make(good, operatorKey), { status: 422, body: { reason: 'type' } })
    const [first] = [await make({ ...good, description: ' Till ' })]
    t.match(first, {
      status: 201,
      body: { secret: /^whsec_[\w+/]{43}=$/, endpoint: { description: 'Till' } },
    })
    const { id } = first.body.endpoint as { id: string }
    const url = `${base}/${id}`
    t.match(
      await http.send({
        method: 'PATCH',
        url,
        credential: mine.credential,
        body: { url: 'https://b.example/' },
      }),
      {
        ...{ status: 200, body: { url: 'https://b.example/', description: 'Till', types: good.types } },
      },
    )
    t.notMatch(JSON.stringify((await http.send({ url, credential: mine.credential })).body), 'whsec')

    const tries: ['GET' | 'POST' | 'PATCH' | 'DELETE', string, object?][] = [
      ['GET', url],
      ['PATCH', url, {}],
      ['DELETE', url],
      ['POST', `${url}/secret`],
      ['POST', `${url}/test`],
      ['GET', `${url}/deliveries`],
      ['GET', `${url}/deliveries/${id}`],
      ['POST', `${url}/deliveries/${id}/replay`],
      ['POST', `${url}/replay`, { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
    ]
    for (const [method, path, body] of tries) {
      const ask = (credential: string) => http.send({ method, url: path, credential, ...(body && { body }) })
      t.match(await ask(theirs.credential), { status: 404, body: { code: 'not_found' } }, `${method} ${path}`)
      t.equal((await ask(operatorKey)).status, 404, `not the operator's either`)
    }
    const scoped = await http.send({
      ...{ method: 'POST', url: '/v1/api-keys', credential: mine.credential, body: { scopes: ['read'] } },
    })
    const reader = String(scoped.body.secret)
    t.equal((await http.send({ url, credential: reader })).status, 200)
    t.equal((await http.send({ method: 'PATCH', url, credential: reader, body: {} })).status, 403)

    for (let i = 1; i < limits.webhook.endpoints; i++) t.equal((await make(good)).status, 201)
    t.match(await make(good), { status: 409, body: { code: 'endpoint_limit' } })
    t.match(await http.send({ method: 'DELETE', url, credential: mine.credential }), {
      status: 200,
      body: { id },
    })
    t.equal((await http.send({ url, credential: mine.credential })).status, 404)
    const { body } = await http.send({ url: base, credential: mine.credential })
    t.equal((body.items as unknown[]).length, limits.webhook.endpoints - 1)
  })

  scene('the log: what was sent, what came back, one of them again', async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const receiver = await createReceiver(t, answers.status(500, `no${'o'.repeat(500)}`))
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const { id } = await hideWell(shop)
    await win(id, 3)
    await turn()
    receiver.answer(answers.status(200, 'ok'))
    clock.advance(retriesAfterMs[0] * 2)
    await turn()
    const base = `/v1/webhook-endpoints/${endpointId}/deliveries`
    const look = async (url: string) => (await http.send({ url, credential })).body
    const page = await look(`${base}?limit=2&state=delivered`)
    t.match(page, { numberReturned: 2, items: [{ type: 'envelope.claimed', state: 'delivered' }] })
    const rest = await look((page.links as { next: string }).next)
    t.match(rest, { numberReturned: 1 })
    const deliveries = [...(page.items as { id: string }[]), ...(rest.items as { id: string }[])]
    t.equal(new Set(deliveries.map(one => one.id)).size, 3)
    const details = await Promise.all(deliveries.map(one => look(`${base}/${one.id}`)))
    const twice = details.find(({ attempts }) => (attempts as unknown[]).length === 2)
    type Details = { delivery: { id: string; webhookId: string }; attempts: Shown[] }
    type Shown = { response: string; status: number }
    const { delivery, attempts } = twice as Details
    const [success, failure] = attempts
    t.match([success?.status, success?.response, failure?.status], [200, 'ok', 500])
    t.equal(failure?.response.length, 100, 'cut off')
    t.match(delivery, { state: 'delivered', failures: 1 })
    t.equal(twice?.body, receiver.received[0]?.body, 'as it was sent')
    t.match(await look(`${base}?state=dead`), { numberReturned: 0 })

    const one = `${base}/${delivery.id}`
    const count = receiver.received.length
    const replay = () => http.send({ method: 'POST', url: `${one}/replay`, credential })
    t.match(await replay(), { status: 200, body: { state: 'waiting', failures: 0, nextAttemptAt: String } })
    t.match(await replay(), { status: 200, body: { state: 'waiting' } }, 'what is due is left')
    await turn()
    t.same(idsOf(receiver.received.slice(count)), [delivery.webhookId])
  })

  scene('a sandbox has an inbox to try it with', async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const address = await http.app.listen({ port: 0, host: '127.0.0.1' })
    const { body } = await http.send({ method: 'POST', url: '/v1/webhook-inboxes', credential })
    const { id, path } = body as { id: string; path: string }
    const { id: endpointId } = await listen(shop, `${address}${path}`)
    await http.send({ method: 'POST', url: `/v1/webhook-endpoints/${endpointId}/test`, credential })
    await turn()
    await http.send({ method: 'POST', url: path, body: { type: 'forged' } })
    const { messages } = (await http.send({ url: `/v1/webhook-inboxes/${id}`, credential })).body
    t.match(messages, [
      { isGenuine: false, body: '{"type":"forged"}' },
      { isGenuine: true, body: /webhook\.test/, webhookId: /^msg_/ },
    ])
    const { credential: stranger } = await http.signUpMerchant()
    t.equal((await http.send({ url: `/v1/webhook-inboxes/${id}`, credential: stranger })).status, 404)
    const nowhere = path.replace(id, id.replace(/^.{8}/, '00000000'))
    t.equal((await http.send({ method: 'POST', url: nowhere, body: {} })).status, 404, 'nobody made that one')
    for (let i = 0; i < limits.webhook.inboxMessages; i++) {
      await http.send({ method: 'POST', url: path, body: { i } })
    }
    const { body: full } = await http.send({ url: `/v1/webhook-inboxes/${id}`, credential })
    t.equal((full.messages as unknown[]).length, limits.webhook.inboxMessages)
    for (let i = 0; i < limits.webhook.inboxes; i++) {
      t.equal((await http.send({ method: 'POST', url: '/v1/webhook-inboxes', credential })).status, 201)
      const isThere = (await http.send({ url: `/v1/webhook-inboxes/${id}`, credential })).status === 200
      t.equal(isThere, i < limits.webhook.inboxes - 1, 'the oldest one makes room')
    }
    t.same(await world.redis.keys(`*inbox:{${id}}*`), [], 'with everything in it')
  })

  scene("a deleted endpoint is nobody's, and its log goes in batches", async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const receiver = await createReceiver(t)
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const { id } = await hideWell(shop)
    await win(id, 2)
    const away = createPausedServer(world)
    await away.begin()
    const url = `/v1/webhook-endpoints/${endpointId}`
    t.match(await http.send({ method: 'DELETE', url, credential }), { status: 200, body: { id: endpointId } })
    for (const method of ['GET', 'DELETE'] as const) {
      t.equal((await http.send({ method, url, credential })).status, 404)
    }
    t.match((await http.send({ url: '/v1/webhook-endpoints', credential })).body, { items: { length: 0 } })
    away.wake({ status: 500, tookMs: 1 })
    await away.drain()
    clock.advance(retriesAfterMs[0] * 2)
    await win(id, 1, 3)
    await turn()
    t.same(receiver.received, [])
    const [left] = await ask<{ row: string }>(
      'select p::text as row from webhook_endpoints p where id = $1',
      [endpointId],
    )
    t.notMatch(left?.row, receiver.url, 'nothing of it is kept')
    t.equal((await deliveriesOf(endpointId)).length, 2)
    t.equal(await world.database.transact(tx => webhookRecord.purgeDeliveries(tx, 1)), 1, 'a batch of one')
    await server.purge()
    t.same(await deliveriesOf(endpointId), [])
    t.same(await ask('select id from webhook_endpoints where id = $1', [endpointId]), [])
  })

  scene('a URL that is changed has nothing to do with what the one before answers', async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const [receiver, other] = [await createReceiver(t, answers.status(500)), await createReceiver(t)]
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    await win((await hideWell(shop)).id, 1)
    await turn()
    await win((await hideWell(shop)).id, 1)
    const away = createPausedServer(world)
    await away.begin()
    const url = `/v1/webhook-endpoints/${endpointId}`
    const moved = await http.send({ method: 'PATCH', url, credential, body: { url: other.url } })
    t.match(moved, { status: 200, body: { state: 'active', failingSince: undefined } })
    away.wake({ status: 410, tookMs: 1 })
    await away.drain()
    t.match((await http.send({ url, credential })).body, { state: 'active', failingSince: undefined })
    clock.advance(retriesAfterMs[0] * 2)
    await turn()
    t.same(await statesOf(endpointId), ['delivered', 'delivered'])
    t.equal(other.received.length, 2)
  })

  scene('a replay does not wait for the next attempt, and looks at a long range in parts', async t => {
    const { caller: shop, credential } = await http.signUpMerchant()
    const receiver = await createReceiver(t, answers.status(500))
    const { id: endpointId } = await listen(shop, receiver.url, ['envelope.claimed'])
    const [first, two] = [await hideWell(shop), await hideWell(shop)]
    await win(first.id, 2)
    clock.advance(1_000)
    await win(two.id, 1)
    await turn()
    t.same(
      (await deliveriesOf(endpointId)).map(({ failures }) => failures),
      [1, 0, 1],
    )
    receiver.answer(answers.status(204))
    await turn()
    t.equal(receiver.received.length, 2, 'they wait')
    const range = { from: new Date(0).toISOString(), to: new Date(clock.nowMs() + 1).toISOString() }
    const url = `/v1/webhook-endpoints/${endpointId}/replay`
    const replay = (body: object) => http.send({ method: 'POST', url, credential, body })
    t.match(await replay({ ...range, from: new Date(clock.nowMs()).toISOString() }), {
      body: { replayed: 1 },
    })
    await turn()
    t.same(await statesOf(endpointId), ['waiting', 'waiting', 'delivered'])
    const [head, behind] = await deliveriesOf(endpointId)
    const one = (id = '') =>
      ({ method: 'POST', url: url.replace('replay', `deliveries/${id}/replay`) }) as const
    t.match(await http.send({ ...one(behind?.id), credential }), { body: { nextAttemptAt: undefined } })
    t.match(await http.send({ ...one(head?.id), credential }), {
      ...{ status: 200, body: { state: 'waiting', nextAttemptAt: new Date(clock.nowMs()).toISOString() } },
    })
    receiver.answer(answers.status(500))
    await turn()
    receiver.answer(answers.status(204))
    t.match(await replay(range), { body: { replayed: 1 } }, 'what stands behind it is not counted')
    await turn()
    t.same(await statesOf(endpointId), ['delivered', 'delivered', 'delivered'])

    const look = (fromMs: number, { limit = 10, lookAt = 10 }) =>
      world.database.transact(tx => {
        const all = { endpointId, fromMs, toMs: clock.nowMs() + 1, delivered: false, nowMs: clock.nowMs() }
        return webhookRecord.restartRange(tx, { ...all, limit, lookAt })
      })
    t.same(await look(0, {}), { subjectIds: [], nextFromMs: undefined })
    await ask(`update webhook_deliveries set state = 'dead' where endpoint_id = $1`, [endpointId])
    const middle = clock.nowMs() - 1_000
    t.match(await look(0, { lookAt: 2 }), { subjectIds: [first.id, first.id], nextFromMs: middle })
    t.same(await look(middle, { lookAt: 2 }), { subjectIds: [], nextFromMs: middle })
    t.match(await look(middle, { lookAt: 3, limit: 1 }), { subjectIds: [two.id], nextFromMs: clock.nowMs() })
    await ask('delete from webhook_endpoints where id = $1', [endpointId])
  })
})
