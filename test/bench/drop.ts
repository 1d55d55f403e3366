/**
 * What a drop takes, and what others notice of it: one server with its jobs, a campaign that drops 50,000 envelopes of
 * few shares and then some of many, and another campaign whose players claim at a steady rate, each once. Every drop is
 * compared with the same time before it, in which nothing is dropped.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SignJWT } from 'jose'
import type { Client } from 'pg'
import { type Bench, type Figure, median, quantile } from './figures.ts'
import { type Mall, openMall, squareKm, uniform } from './mall.ts'
import { type Stores, withStores } from './stores.ts'

const settings = {
  envelopes: 50_000,
  shares: 5,
  largeEnvelopes: 2_000,
  largeShares: 200,
  rounds: 2,
  claimsPerS: 40,
  quietS: 10,
}
type DropSettings = typeof settings

export const drop: Bench = {
  what: 'how fast a drop fills, and how long the claims of another campaign take meanwhile',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

const plaza = squareKm([121.47, 31.23], 1.9)
const mall = squareKm([121.6, 31.23], 1)

async function run(stores: Stores, given: DropSettings, say: (line: string) => void) {
  const { client, url } = await stores.createDatabase()
  const shop = await openMall(stores, url)
  const key = await shop.addMerchant()
  const costs = given.envelopes * given.shares + given.largeEnvelopes * given.largeShares
  const campaign = await shop.launch(key, plaza, (given.rounds + 1) * costs)
  const claims = await openClaims(shop, client, given)
  say('a small drop and some claims to warm up')
  await dropOne(shop, { key, campaign, envelopes: 2_000, shares: given.shares })
  await claims.during(sleep(3_000))
  const kinds: Kind[] = [
    { name: 'few shares', envelopes: given.envelopes, shares: given.shares, rounds: [] },
    { name: 'many shares', envelopes: given.largeEnvelopes, shares: given.largeShares, rounds: [] },
  ]
  for (let round = 0; round < given.rounds; round++) {
    for (const kind of kinds) {
      const without = await claims.during(sleep(given.quietS * 1_000))
      let filledS = Number.NaN
      const dropping = dropOne(shop, { key, campaign, ...kind }).then(seconds => (filledS = seconds))
      kind.rounds.push({ without, withDrop: await claims.during(dropping), filledS })
      say(`${kind.envelopes} × ${kind.shares} shares in ${filledS.toFixed(1)} s`)
    }
  }
  return { figures: kinds.flatMap(describe), notes: [await stores.describe(client), claims.note()] }
}

type Kind = { name: string; envelopes: number; shares: number; rounds: Round[] }
/** Milliseconds of each claim. */
type Round = { without: number[]; withDrop: number[]; filledS: number }

function describe({ name, envelopes, shares, rounds }: Kind): Figure[] {
  const seconds = median(rounds.map(({ filledS }) => filledS))
  const figure = (what: string, value: number, unit: string) => ({ what: `${name}: ${what}`, value, unit })
  const [without, withDrop] = [rounds.flatMap(r => r.without), rounds.flatMap(r => r.withDrop)]
  const isFew = shares <= 5
  return [
    { ...figure('envelopes a second', envelopes / seconds, ''), ...(isFew && { atLeast: 5_000 }) },
    {
      ...figure('rows of shares a second', (envelopes * shares) / seconds, ''),
      ...(!isFew && { atLeast: 40_000 }),
    },
    figure('claims without a drop, p50', median(without), 'ms'),
    figure('claims while it fills, p50', median(withDrop), 'ms'),
    figure('claims without a drop, p99', quantile(without, 0.99), 'ms'),
    { ...figure('claims while it fills, p99', quantile(withDrop, 0.99), 'ms'), atMost: 250 },
  ]
}

type Ordered = { key: string; campaign: string; envelopes: number; shares: number }

/** Seconds from the answer, which holds places and cost, until the last envelope is there. */
async function dropOne(shop: Mall, { key, campaign, envelopes, shares }: Ordered): Promise<number> {
  const path = `/v1/campaigns/${campaign}`
  const { id } = await shop.must(key, 'POST', `${path}/drop`, uniform(envelopes, { shares }))
  const startedMs = performance.now()
  let seconds = Number.NaN
  for (;;) {
    const { state, isOpened } = await shop.must(key, 'GET', `${path}/drops/${String(id)}`)
    if (state !== 'filling' && Number.isNaN(seconds)) seconds = (performance.now() - startedMs) / 1_000
    if (state !== 'filling' && state !== 'live') throw new Error(`a drop is ${String(state)}`)
    if (isOpened) return seconds
    await sleep(150)
  }
}

const everyMs = 5

/** Players who each claim once, from an envelope with room for all of them. */
async function openClaims(shop: Mall, client: Client, given: DropSettings) {
  const key = await shop.addMerchant()
  const most = 10_000
  const spots = 8
  const campaign = await shop.launch(key, mall, spots * most)
  await dropOne(shop, { key, campaign, envelopes: spots, shares: most })
  const { items } = await shop.must(key, 'GET', `/v1/campaigns/${campaign}/envelopes`)
  const envelopes = items as { id: string; own: { place: { coordinates: [number, number] } } }[]
  const secret = new TextEncoder().encode(shop.jwtSecret)
  let [claimed, refused] = [0, 0]

  async function claimOnce(): Promise<number> {
    const { id, own } = envelopes[claimed++ % envelopes.length] as (typeof envelopes)[number]
    const [lng, lat] = own.place.coordinates
    const player = randomUUID()
    await client.query(
      "insert into players (id, issuer, subject, created_at) values ($1, 'hexbao', $2, now())",
      [...[player, player]],
    )
    const token = await new SignJWT({ sub: player, iss: 'hexbao', aud: 'hexbao' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('2h')
      .sign(secret)
    const fix = { lat, lng, accuracyM: 8 }
    const { status, tookMs } = await shop.send(token, 'POST', `/v1/envelopes/${id}/claims`, { fix })
    if (status !== 200) refused++
    return tookMs
  }

  return {
    /** At the rate that is set, whether earlier ones are answered or not; what each took. */
    async during(work: Promise<unknown>): Promise<number[]> {
      let isOver = false
      const ending = work.finally(() => (isOver = true))
      const startedMs = performance.now()
      const underWay: Promise<number>[] = []
      while (!isOver) {
        const due = ((performance.now() - startedMs) / 1_000) * given.claimsPerS
        while (underWay.length < due) underWay.push(claimOnce())
        await sleep(everyMs)
      }
      await ending
      return Promise.all(underWay)
    },
    note: () => `${claimed} claims, ${refused} of them not answered with a win at once`,
  }
}
