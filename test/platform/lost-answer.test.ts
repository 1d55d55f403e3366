/**
 * The answer that is lost: the connection to PostgreSQL is cut at COMMIT, before or after it took effect, under every
 * operation that moves money, and the client sends the same request again until it hears. A hundred times; a thousand
 * with `LOST_ANSWERS=1000`.
 */
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { operations } from '#protocol/rest/operations.ts'
import { createDatabase, type Row } from '#platform/postgres.ts'
import { systemRandom } from '#platform/random.ts'
import { operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { createPayoutStage } from '../payouts/stage.ts'
import { startCommitCutter } from './commit-cutter.ts'

const rounds = Number(process.env.LOST_ANSWERS ?? 100)

const world = await createWorld(t)
const cutter = await startCommitCutter(world.databaseUrl)
const database = createDatabase({
  url: cutter.url,
  role: 'hexbao_game',
  connections: 4,
  onIdleError: () => undefined,
})
t.teardown(async () => {
  await database.close()
  await cutter.close()
})
const stage = await createPayoutStage(t, { ...world, database })
const { send, signUp } = stage

const count = async (text: string, params: unknown[]) => {
  const [row] = await world.database.query<Row>({ name: `count-${text.length}`, text }, params)
  return Number(row?.n)
}

type Sending = { url: string; credential: string; body: object }
type Case = {
  operation: string
  /** A request of its own for each round, and how often it has acted. */
  prepare(round: number): Promise<{ sending: Sending; effects: () => Promise<number> }>
}

const ada = await signUp()
const amount = { amountMinor: '100', currency: 'CNY' }

const cases: Case[] = [
  {
    operation: 'deposit',
    async prepare(round) {
      const reference = `lost ${round}`
      const body = { owner: { playerId: ada.id }, amount, reference }
      return {
        sending: { url: '/v1/operator/deposits', credential: operatorKey, body },
        effects: () => count('select count(*) as n from transfers where reference = $1', [reference]),
      }
    },
  },
  {
    operation: 'requestPayout',
    async prepare(round) {
      const destination = `lost ${round}`
      const text = `select count(*) as n from payouts join transfers on payout_id = payouts.id where destination = $1`
      return {
        sending: { url: '/v1/payouts', credential: ada.credential, body: { amount, destination } },
        effects: () => count(text, [destination]),
      }
    },
  },
  {
    operation: 'endPayout',
    async prepare(round) {
      const { body } = await stage.ask(ada.credential, '100', { key: `end-${round}` })
      const text = `select count(*) as n from transfers where payout_id = $1 and kind <> 'payout'`
      return {
        sending: {
          url: `/v1/operator/payouts/${String(body.id)}/outcome`,
          credential: operatorKey,
          body: round % 2 === 0 ? { outcome: 'paid' } : { outcome: 'failed', reason: 'lost' },
        },
        effects: () => count(text, [body.id]),
      }
    },
  },
  {
    operation: 'createMerchant',
    async prepare(round) {
      const name = `Lost ${round}`
      return {
        sending: { url: '/v1/operator/merchants', credential: operatorKey, body: { name } },
        effects: () => count('select count(*) as n from merchants where name = $1', [name]),
      }
    },
  },
]

t.test('every operation that must have a key is tried here, or shares its path', async t => {
  // These need a world around them, or move no money; they go through the same `runOnce`.
  const requests = ['postServiceRequest', 'postDraft', 'splitServiceRequest', 'topUpServiceRequest']
  const campaigns = ['createCampaign', 'launchCampaign', 'topUpCampaign', 'dropEnvelopes', 'addExclusionArea']
  const operator = ['freeze', 'replayDeadLetters', 'setCap', 'unfreeze']
  // A redemption is its own kept answer; test/coupons/coupons.test.ts asks for it again.
  const coupons = ['createCouponPool', 'redeemCoupon']
  const elsewhere = [...requests, ...campaigns, ...coupons, ...operator, 'hideEnvelope']
  const keyed = operations.filter(({ idempotencyKey }) => idempotencyKey === 'required').map(({ id }) => id)
  t.same(keyed.sort(), [...cases.map(({ operation }) => operation), ...elsewhere].sort())
})

t.test('a POST without a kept answer is safe to repeat, or refuses a key', async t => {
  const posts = operations.filter(
    ({ method, idempotencyKey }) => method === 'POST' && idempotencyKey !== 'required',
  )
  const refusing = posts.filter(({ idempotencyKey }) => idempotencyKey === 'refused').map(({ id }) => id)
  const webhooks = [
    'createWebhookEndpoint',
    'createWebhookInbox',
    'rotateWebhookSecret',
    'testWebhookEndpoint',
  ]
  t.same(refusing.sort(), ['createApiKey', 'replaceApiKeys', ...webhooks, 'signUpPlayer'].sort())
  const safe = posts.filter(({ idempotencyKey }) => idempotencyKey === undefined).map(({ id }) => id)
  // Each is tried twice in test/requests/requests.test.ts.
  const steps = ['acceptOffer', 'offerOnServiceRequest', 'removeServiceRequest'].concat(
    ['cancel', 'confirm', 'deliver', 'dispute', 'take'].map(step => `${step}ServiceRequest`),
  )
  const campaigns = ['pauseCampaign', 'resumeCampaign', 'closeCampaign', 'previewDrop'].concat(
    // The same end, and the same points, are the same again.
    ['extendCampaign', 'uploadPoints'],
  )
  const coupons = ['uploadCoupons', 'voidCoupon', 'voidCouponPool']
  const saidOnce = [
    'endAppeal',
    'sendAppeal',
    'thankHider',
    'rateServiceRequest',
    'sendMessage',
    'readMessages',
  ]
  // Each is tried twice in test/reviews/reviews.test.ts.
  const reviews = ['appealReview', 'rejectText', 'releaseText', 'reportText', 'setDuty']
  const others = ['banPlayer', 'claimEnvelope', 'revealEnvelope', 'reportPayout', 'sendPosition']
  // The first report stays; a secret made anew once more leaves the one that counts as it is until the change.
  const onSite = ['reportEnvelope', 'rotateCampaignCode']
  // A replay sends the same message again, which its receiver knows by its id.
  const replays = ['replayWebhookDelivery', 'replayWebhookDeliveries']
  const moves = [...steps, ...campaigns, ...coupons, ...onSite, ...replays]
  t.same(safe.sort(), [...moves, ...saidOnce, ...reviews, ...others].sort())
})

t.test(`${rounds} lost answers`, { timeout: 600_000 }, async t => {
  const heard = { first: 0, replayed: 0, waited: 0 }
  for (let round = 0; round < rounds; round++) {
    const one = cases[round % cases.length]
    if (one === undefined) throw new Error('no case')
    const { sending, effects } = await one.prepare(round)
    const [coin = 0] = systemRandom.bytes(1)
    const cut = coin % 2 === 0 ? 'before' : 'after'
    const post = () => send({ method: 'POST', key: `lost-${round}`, ...sending })
    cutter.cutNext(cut)
    const first = await post()
    const name = `${one.operation}, cut ${cut}`
    if (first.status !== 503 || first.body.code !== 'unavailable') t.match(first, { status: 503 }, name)
    heard.first++
    const acted = await effects()
    if (cut === 'after' && acted !== 1) t.equal(acted, 1, `${name}: it has taken effect`)
    const answer = await again(post, () => heard.waited++)
    if (answer.status !== 200 && answer.status !== 201) t.match(answer, { status: 201 }, name)
    const replay = await post()
    if (replay.text !== answer.text) t.equal(replay.text, answer.text, `${name}: the same answer ever after`)
    if ((await effects()) !== 1) t.equal(await effects(), 1, `${name}: once`)
    heard.replayed++
  }
  t.equal(cutter.cuts(), rounds, 'every COMMIT was cut')
  t.match(heard, { first: rounds, replayed: rounds })
  t.comment(JSON.stringify(heard))
  await assertBooks(t, world)
  t.ok(limits.idempotency.keptMs >= 30 * 86_400_000)
})

/** As a client does: again after 503 and after 409 `idempotency_in_flight`, until there is an answer. */
async function again(post: () => ReturnType<typeof send>, wait: () => void): ReturnType<typeof send> {
  for (let tries = 0; ; tries++) {
    const answer = await post()
    const isOpen = answer.status === 503 || answer.body.code === 'idempotency_in_flight'
    if (!isOpen || tries === 200) return answer
    wait()
    await world.clock.sleep(20)
  }
}

t.test('a client that is cut off itself hears the same when it comes back', async t => {
  const { app, ask } = stage
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const body = JSON.stringify({ amount })
  const { credential } = await signUp()
  const request = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${credential}`,
      'idempotency-key': 'impatient',
      'content-type': 'application/json',
    },
    body,
  }
  for (let round = 0; round < 20; round++) {
    const impatience = AbortSignal.timeout(round)
    await fetch(`${url}/v1/payouts`, { ...request, signal: impatience }).catch(() => undefined)
  }
  const answer = await again(
    () => ask(credential, '100', { key: 'impatient' }),
    () => undefined,
  )
  t.equal(answer.status, 201)
  const own = await send({ url: '/v1/payouts', credential })
  t.match(own.body, { numberReturned: 1, items: [{ id: answer.body.id }] })
})
