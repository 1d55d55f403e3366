/** Coupons over a real database: pools, campaigns that give them out, players who win them, tills. */
import type { Test } from 'tap'
import { runOnce } from '#platform/idempotency.ts'
import { createBinder } from '#platform/http.ts'
import { createCoupons } from '../../src/coupons/coupons.ts'
import { couponRecord } from '../../src/coupons/postgres.ts'
import type { CouponPorts } from '../../src/coupons/ports.ts'
import { type Redeemed, toEvent } from '../../src/coupons/redeemed.ts'
import { registerCouponRoutes } from '../../src/coupons/routes.ts'
import { createVault } from '../../src/coupons/vault.ts'
import { createWrongCodes } from '../../src/coupons/wrong-codes.ts'
import type { Caller, MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { webhookRecord } from '../../src/webhooks/postgres.ts'
import { createCampaignStage, must } from '../campaigns/stage.ts'
import { createAccountApp, hmacSecret } from '../helpers/account-app.ts'

export const keyOf = (byte: number) => Buffer.alloc(32, byte)

type CampaignStage = Awaited<ReturnType<typeof createCampaignStage>>
type Lying = { id: string; lng: number; lat: number }

/** The verbs, and the same over HTTP. */
async function compose(t: Test, { world, clock }: CampaignStage) {
  const { database, random } = world
  const redeemed: Redeemed[] = []
  const ports: CouponPorts = {
    ...{ database, record: couponRecord, clock, random, wrongCodes: createWrongCodes(clock) },
    runOnce: (request, act) => runOnce(database, request, act),
    vault: createVault({ keys: new Map([['k1', keyOf(1)]]), hmacSecret, random }),
    async onRedeemed(tx, one) {
      redeemed.push(one)
      await webhookRecord.noteEvent(tx, toEvent(one))
    },
  }
  const coupons = createCoupons(ports)
  const { app, authenticator, send } = await createAccountApp(t, world)
  const bind = createBinder<Caller>(app, { sandbox: true, authenticate: authenticator.authenticate })
  registerCouponRoutes(bind, { coupons })
  return { coupons, ports, redeemed, send }
}

export async function createCouponStage(t: Test) {
  const stage = await createCampaignStage(t)
  const composed = await compose(t, stage)
  const pools = createPools(stage, composed)
  const wins = createWins(stage, { ...composed, ...pools })
  return { ...stage, ...composed, ...pools, ...wins }
}

type Composed = Awaited<ReturnType<typeof compose>>

function createPools({ clock, createMerchant }: CampaignStage, { coupons }: Composed) {
  let keys = 0
  const key = () => `coupon-key-${++keys}`
  const at = (days: number) => new Date(clock.nowMs() + days * 86_400_000).toISOString()
  const makePool = async (caller: MerchantCaller, days = 30) => {
    const body = { name: 'Tea', title: 'One pot of tea', terms: 'One a table', expiresAt: at(days) }
    return must(await coupons.createPool({ caller, body, idempotencyKey: key() })).body
  }
  const upload = (caller: MerchantCaller, id: string, text: string | readonly string[]) =>
    coupons.upload({ caller, id, pieces: toChunks(typeof text === 'string' ? [text] : text) })
  const poolOf = async (caller: MerchantCaller, id: string) =>
    must(await coupons.getPool({ caller, id })).body

  let payloads = 0
  /** As many payloads as nobody has uploaded before. */
  const csvOf = (count: number) => {
    const lines = Array.from({ length: count }, () => `OWN-${++payloads}`)
    return `code\n${lines.join('\n')}\n`
  }

  /** A new merchant's pool of so many coupons. */
  async function stock(count: number, { days = 30 } = {}) {
    const merchant = await createMerchant()
    const pool = await makePool(merchant, days)
    must(await upload(merchant, pool.id, csvOf(count)))
    return { merchant, poolId: pool.id }
  }
  return { key, at, makePool, upload, poolOf, csvOf, stock }
}

function createWins(
  stage: CampaignStage,
  { coupons, key, stock }: Composed & ReturnType<typeof createPools>,
) {
  const { campaigns } = stage
  /** A live campaign that gives out a pool of so many coupons. */
  async function launchCoupons(count: number, options: { winsPerPlayer?: number } = {}) {
    const { merchant, poolId } = await stock(count)
    const { budget: _, ...body } = stage.planOf({ content: { type: 'coupon', poolId }, ...options })
    const { id } = must(await campaigns.create({ caller: merchant, body, idempotencyKey: key() })).body
    must(await stage.launch(merchant, id))
    return { merchant, poolId, id }
  }

  const orderDrop = (caller: MerchantCaller, id: string, envelopes: number, shares: number) => {
    const body = { strategy: { type: 'uniform' as const, envelopes }, shares }
    return campaigns.drop({ caller, id, idempotencyKey: key(), body })
  }

  /** A campaign whose drop of coupons is open. */
  async function openCoupons(count: number, { envelopes = 1, shares = count, winsPerPlayer = 0 } = {}) {
    const launched = await launchCoupons(count, winsPerPlayer > 0 ? { winsPerPlayer } : {})
    const { body } = must(await orderDrop(launched.merchant, launched.id, envelopes, shares))
    await stage.fill()
    await stage.open()
    const lying = await stage.ask<Lying>(
      `select id, st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes where drop_id = $1
       order by id`,
      [body.id],
    )
    return { ...launched, dropId: body.id, envelopes: lying }
  }

  const claimAt = (player: PlayerCaller, { id, lng, lat }: Lying) =>
    stage.claim(player, id, { at: { lng, lat } })
  const listOwn = async (caller: PlayerCaller) =>
    must(await coupons.listOwn({ caller, query: {} })).body.items

  /** So many players with a coupon each, of one envelope; the coupons as they are shown them. */
  async function winMany(count: number, { uploaded = count } = {}) {
    const opened = await openCoupons(uploaded, { shares: uploaded })
    const [envelope] = opened.envelopes
    if (envelope === undefined) throw new Error('no envelope')
    const players = await stage.createCrowd(count)
    await Promise.all(players.map(player => claimAt(player, envelope)))
    const won = (await Promise.all(players.map(listOwn))).map(([coupon]) => {
      if (coupon === undefined) throw new Error('nothing was won')
      return coupon
    })
    return { ...opened, envelope, players, won }
  }

  const redeem = (caller: MerchantCaller, code: string, till = 'till-1', idempotencyKey = key()) =>
    coupons.redeem({ caller, body: { code, till }, idempotencyKey })
  return { launchCoupons, orderDrop, openCoupons, claimAt, listOwn, winMany, redeem }
}

/** As a client sends it: in pieces that end anywhere. */
async function* toChunks(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}
