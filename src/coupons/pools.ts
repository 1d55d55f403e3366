/** Pools: made, looked at, and made void as a whole. */
import {
  createCouponPool as createOperation,
  listCouponPools,
  type PoolPlan,
} from '#protocol/rest/coupons.ts'
import { limits } from '#protocol/limits.ts'
import { createId } from '#platform/id.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { Pool } from './coupon.ts'
import type { CouponPorts } from './ports.ts'
import { poolStateAt } from './state.ts'
import { type PoolView, viewPool } from './view.ts'

type Which = { caller: MerchantCaller; id: string }

export async function createPool(
  ports: CouponPorts,
  { caller, body, idempotencyKey }: { caller: MerchantCaller; body: PoolPlan; idempotencyKey: string },
): Promise<{ status: 201; body: PoolView } | Refusal> {
  const nowMs = ports.clock.nowMs()
  const tenant = `merchant:${caller.id}`
  const request = { tenant, operation: createOperation.id, key: idempotencyKey, body, nowMs }
  return ports.runOnce<{ status: 201; body: PoolView }>(request, async tx => {
    const judged = judgePlan(body, nowMs)
    if (judged.status === 'refused') return judged
    const pool: Pool = {
      ...judged.plan,
      ...{ id: createId(ports), merchantId: caller.id, uploaded: 0, free: 0 },
      ...{ createdAtMs: nowMs, voidedAtMs: null },
    }
    await ports.record.insertPool(tx, pool)
    return { status: 201, body: viewPool(pool, undefined, nowMs) }
  })
}

type Plan = Pick<Pool, 'name' | 'title' | 'terms' | 'expiresAtMs'>

function judgePlan(sent: PoolPlan, nowMs: number): { status: 'ok'; plan: Plan } | Refusal {
  const expiresAtMs = Date.parse(sent.expiresAt)
  if (!(expiresAtMs > nowMs)) return refuse('pool_refused', { reason: 'expiry_past' })
  const plan: Plan = { name: sent.name, title: sent.title, terms: null, expiresAtMs }
  const { nameChars, titleChars, termsChars } = limits.coupon
  const texts = [
    { key: 'name', text: sent.name, maxChars: nameChars },
    { key: 'title', text: sent.title, maxChars: titleChars },
    { key: 'terms', text: sent.terms, maxChars: termsChars },
  ] as const
  for (const { key, text, maxChars } of texts) {
    if (text === undefined) continue
    const verdict = checkText(text, { maxChars, allowContact: true })
    if (verdict.status === 'refused') {
      return refuse('pool_refused', { reason: 'text_refused', detail: `${key} ${verdict.detail}` })
    }
    plan[key] = verdict.text
  }
  return { status: 'ok', plan }
}

export async function listPools(
  { database, record, clock }: CouponPorts,
  { caller, query }: { caller: MerchantCaller; query: { limit?: string; cursor?: string } },
) {
  const page = readPage(query)
  if (isRefusal(page)) return page
  const pools = await record.listPools(database, caller.id, page)
  const ids = pools.map(({ id }) => id)
  const counts = await record.countCoupons(database, ids)
  const body = toPage(
    pools,
    { path: listCouponPools.path, limit: page.limit },
    {
      item: pool => viewPool(pool, counts.get(pool.id), clock.nowMs()),
      key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
    },
  )
  return { status: 200 as const, body }
}

export async function getPool(
  { database, record, clock }: CouponPorts,
  { caller, id }: Which,
): Promise<{ status: 200; body: PoolView } | Refusal> {
  const pool = await record.findPool(database, id)
  if (pool?.merchantId !== caller.id) return refuse('not_found')
  return show(record, database, { pool, nowMs: clock.nowMs() })
}

async function show(
  record: CouponPorts['record'],
  tx: Tx,
  { pool, nowMs }: { pool: Pool; nowMs: number },
): Promise<{ status: 200; body: PoolView }> {
  const counts = await record.countCoupons(tx, [pool.id])
  return { status: 200, body: viewPool(pool, counts.get(pool.id), nowMs) }
}

/** One row, which every redemption reads. Not while envelopes hold some: nobody is to win a coupon that is void. */
export async function voidPool(
  { database, record, clock }: CouponPorts,
  { caller, id }: Which,
): Promise<{ status: 200; body: PoolView } | Refusal> {
  const nowMs = clock.nowMs()
  return database.transact<{ status: 200; body: PoolView } | Refusal>(async tx => {
    const pool = await record.lockPool(tx, id)
    if (pool?.merchantId !== caller.id) return refuse('not_found')
    if (poolStateAt(pool, nowMs) === 'void') return show(record, tx, { pool, nowMs })
    if (await record.isInPlay(tx, id)) return refuse('pool_state', { reason: 'in_play' })
    await record.voidPool(tx, id, nowMs)
    return show(record, tx, { pool: { ...pool, voidedAtMs: nowMs }, nowMs })
  })
}
