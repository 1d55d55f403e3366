/** Looking: a merchant at what became of their coupons, a player at those that they have won. */
import {
  type CouponState as ShownState,
  listCoupons as listOperation,
  listOwnCoupons,
} from '#protocol/rest/coupons.ts'
import { readPage, toPage } from '#platform/page.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import type { CouponPorts } from './ports.ts'
import { viewListed, viewOwn } from './view.ts'

type Query = { limit?: string; cursor?: string }

export async function listCoupons(
  { database, record, clock }: CouponPorts,
  { caller, id, query }: { caller: MerchantCaller; id: string; query: Query & { state?: ShownState } },
) {
  const page = readPage(query)
  if (isRefusal(page)) return page
  const pool = await record.findPool(database, id)
  if (pool?.merchantId !== caller.id) return refuse('not_found')
  const nowMs = clock.nowMs()
  const { state } = query
  const coupons = await record.listCoupons(database, { poolId: id, state, nowMs }, page)
  const filter = state === undefined ? {} : { filter: { state } }
  const body = toPage(
    coupons,
    { path: listOperation.path.replace('{id}', id), limit: page.limit, ...filter },
    {
      item: coupon => viewListed(coupon, nowMs),
      key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
    },
  )
  return { status: 200 as const, body }
}

export async function listOwn(
  { database, record, vault, clock }: CouponPorts,
  { caller, query }: { caller: PlayerCaller; query: Query },
) {
  const page = readPage(query)
  if (isRefusal(page)) return page
  const coupons = await record.listOwn(database, caller.id, page)
  const nowMs = clock.nowMs()
  const body = toPage(
    coupons,
    { path: listOwnCoupons.path, limit: page.limit },
    {
      item: coupon => viewOwn(coupon, vault.open(coupon.id, coupon), nowMs),
      key: ({ givenAtMs, id }) => ({ atMs: givenAtMs ?? 0, id }),
    },
  )
  return { status: 200 as const, body }
}

export async function getOwn(
  { database, record, vault, clock }: CouponPorts,
  { caller, id }: { caller: PlayerCaller; id: string },
) {
  const coupon = await record.findOwn(database, { id, playerId: caller.id })
  if (coupon === undefined) return refuse('not_found')
  const codes = vault.open(coupon.id, coupon)
  return { status: 200 as const, body: viewOwn(coupon, codes, clock.nowMs()) }
}
