/**
 * What geometry costs everybody else: how long the answer to an impossible area takes, and how long others wait for
 * theirs while previews of the largest drops with a spacing are computed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { hostileAreas } from '../campaigns/hostile.ts'
import { type Bench, median, quantile } from './figures.ts'
import { openMall, type Mall, squareKm, uniform } from './mall.ts'
import { type Stores, withStores } from './stores.ts'

const settings = { areas: 5_000, previews: 12, envelopes: 50_000, spacingM: 4 }
type GeometrySettings = typeof settings

export const geometry: Bench = {
  what: 'how fast impossible areas are refused, and whether previews keep others waiting',
  settings,
  run: (given, say) => withStores(stores => run(stores, { ...settings, ...given }, say)),
}

/** Of one key; so many requests a minute are let in. */
const perKey = 500

async function run(stores: Stores, given: GeometrySettings, say: (line: string) => void) {
  const { client, url } = await stores.createDatabase()
  const shop = await openMall(stores, url)
  await refuseAreas(shop, 200)
  const refused = await refuseAreas(shop, given.areas)
  say(`${given.areas} areas are refused`)
  const others = await previewAndAsk(shop, given)
  const figure = (what: string, value: number) => ({ what, value, unit: 'ms' })
  return {
    figures: [
      figure('an impossible area is refused, p50', median(refused)),
      { ...figure('p99', quantile(refused, 0.99)), atMost: 50 },
      figure('slowest', quantile(refused, 1)),
      figure(
        `a preview of ${given.envelopes}, ${given.spacingM} m apart, two at a time`,
        median(others.previewMs),
      ),
      figure('others, while nothing is computed, p99', quantile(others.aloneMs, 0.99)),
      figure('others meanwhile, p50', median(others.askedMs)),
      { ...figure('p99', quantile(others.askedMs, 0.99)), atMost: 50 },
      figure('slowest', quantile(others.askedMs, 1)),
    ],
    notes: [await stores.describe(client)],
  }
}

/** One after the other; what each took. */
async function refuseAreas(shop: Mall, count: number): Promise<number[]> {
  const makers = Object.values(hostileAreas)
  const plan = { name: 'Bench', schedule: { endsAt: new Date(Date.now() + 3_600_000).toISOString() } }
  const rest = JSON.stringify({ ...plan, budget: { amountMinor: '1', currency: 'CNY' } }).slice(0, -1)
  const took: number[] = []
  let key = ''
  for (let i = 0; i < count; i++) {
    if (i % perKey === 0) key = await shop.addMerchant()
    const area = makers[i % makers.length]?.(Math.random)
    const { status, tookMs } = await shop.send(key, 'POST', '/v1/campaigns', `${rest},"area":${area}}`)
    if (status < 400 || status >= 500) throw new Error(`${status} for ${area}`)
    took.push(tookMs)
  }
  return took
}

async function previewAndAsk(shop: Mall, { previews, envelopes, spacingM }: GeometrySettings) {
  const key = await shop.addMerchant()
  const campaign = await shop.launch(key, squareKm([121.47, 31.23], 1.9), 1_000)
  let left = previews
  const previewMs: number[] = []
  async function preview(): Promise<void> {
    while (left-- > 0) {
      const order = uniform(envelopes, { shares: 1, spacingM })
      const { status, tookMs } = await shop.send(key, 'POST', `/v1/campaigns/${campaign}/preview`, order)
      if (status !== 200) throw new Error(`a preview is answered with ${status}`)
      previewMs.push(tookMs)
    }
  }
  const aloneMs = await askDuring(shop, sleep(5_000))
  const askedMs = await askDuring(shop, Promise.all([preview(), preview()]))
  return { previewMs, aloneMs, askedMs }
}

/** One question after the other, until the work is over. */
async function askDuring(shop: Mall, work: Promise<unknown>): Promise<number[]> {
  let isOver = false
  const working = work.finally(() => (isOver = true))
  const askedMs: number[] = []
  while (!isOver) {
    const startedMs = performance.now()
    await (await fetch(`${shop.server.url}/livez`)).arrayBuffer()
    askedMs.push(performance.now() - startedMs)
    await sleep(2)
  }
  await working
  return askedMs
}
