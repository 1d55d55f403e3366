/** A server with merchants whose campaigns lie side by side, as the benches of campaigns need them, over REST alone. */
import { createPassword } from '#platform/embedded/run-file.ts'
import type { CampaignPlan } from '#protocol/rest/campaigns.ts'
import type { DropOrder } from '#protocol/rest/drops.ts'
import { type Running, startServers } from './processes.ts'
import type { Stores } from './stores.ts'

export type Answer = { status: number; body: Record<string, unknown>; tookMs: number }

export type Mall = {
  server: Running
  jwtSecret: string
  send(credential: string, method: string, path: string, body?: object | string): Promise<Answer>
  /** What has to be answered with success. */
  must(credential: string, method: string, path: string, body?: object): Promise<Record<string, unknown>>
  addMerchant(): Promise<string>
  /** A live campaign; its id. */
  launch(key: string, area: CampaignPlan['area'], budgetMinor: number): Promise<string>
}

/** `km` wide and high, with its south-western corner there. */
export const squareKm = ([lng, lat]: readonly [number, number], km: number): CampaignPlan['area'] => {
  const [high, wide] = [km / 111.2, km / (111.2 * Math.cos((lat * Math.PI) / 180))]
  const ring: [number, number][] = [
    [lng, lat],
    [lng + wide, lat],
    [lng + wide, lat + high],
    [lng, lat + high],
    [lng, lat],
  ]
  return { type: 'Polygon', coordinates: [ring] }
}

export const uniform = (envelopes: number, terms: { shares: number; spacingM?: number }): DropOrder => ({
  ...{ strategy: { type: 'uniform', envelopes }, amountMinor: String(terms.shares), split: 'equal' },
  ...terms,
})

export async function openMall(stores: Stores, databaseUrl: string): Promise<Mall> {
  const jwtSecret = createPassword() + createPassword()
  const operatorKey = `hbo_${createPassword()}${createPassword()}`
  const env = { DATABASE_URL: databaseUrl, JWT_SECRET: jwtSecret, OPERATOR_KEY: operatorKey }
  const [server] = await startServers(stores, 1, { env })
  if (server === undefined) throw new Error('no server')
  let keys = 0

  async function send(
    credential: string,
    method: string,
    path: string,
    body?: object | string,
  ): Promise<Answer> {
    const startedMs = performance.now()
    const reply = await fetch(`${server?.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${credential}`,
        ...(method === 'POST' && { 'idempotency-key': `bench-${keys++}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const answered = (await reply.json()) as Record<string, unknown>
    return { status: reply.status, body: answered, tookMs: performance.now() - startedMs }
  }

  async function must(credential: string, method: string, path: string, body?: object) {
    const answer = await send(credential, method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  return {
    ...{ server, jwtSecret, send, must },
    async addMerchant() {
      const { secret } = await must(operatorKey, 'POST', '/v1/operator/merchants', { name: 'Mall' })
      return String(secret)
    },
    async launch(key, area, budgetMinor) {
      const endsAt = new Date(Date.now() + 86_400_000).toISOString()
      const { id } = await must(key, 'POST', '/v1/campaigns', {
        ...{ name: 'Bench', area, schedule: { endsAt } },
        budget: { amountMinor: String(budgetMinor), currency: 'CNY' },
      })
      await must(key, 'POST', `/v1/campaigns/${String(id)}/launch`)
      return String(id)
    },
  }
}
