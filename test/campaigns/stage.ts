/** Campaigns over a real database, with merchants who have money; jobs run when the test says so. */
import type { Test } from 'tap'
import type { CampaignPlan } from '#protocol/rest/campaigns.ts'
import type { DropOrder } from '#protocol/rest/drops.ts'
import { runOnce } from '#platform/idempotency.ts'
import { isRowError } from '#platform/postgres.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { isFrozen } from '../../src/budgets/postgres.ts'
import { createCampaigns } from '../../src/campaigns/campaigns.ts'
import type { FillPorts } from '../../src/campaigns/fill.ts'
import type { CampaignPorts } from '../../src/campaigns/ports.ts'
import { createSiteCodes } from '../../src/campaigns/site-code.ts'
import { campaignRecord, codeRecord } from '../../src/campaigns/postgres.ts'
import { couponStock } from '../../src/coupons/postgres.ts'
import { droppedRecord, envelopeRecord } from '../../src/envelopes/postgres.ts'
import { balanceOf, isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import type { MerchantCaller } from '../../src/players/caller.ts'
import { uploadRecord } from '../../src/uploads/postgres.ts'
import { createPlacers } from '../../src/app-campaigns.ts'
import { createClaimStage, hmacSecret } from '../claims/stage.ts'
import { testCurrencies } from '../helpers/people.ts'

/** Around People's Square: 400 m by 380 m. */
export const plaza: CampaignPlan['area'] = {
  type: 'Polygon',
  coordinates: [
    [
      [121.4717, 31.2287],
      [121.4757, 31.2287],
      [121.4757, 31.2321],
      [121.4717, 31.2321],
      [121.4717, 31.2287],
    ],
  ],
}

type ClaimStage = Awaited<ReturnType<typeof createClaimStage>>

const placers = createPlacers()

function compose({ world, announcer }: ClaimStage, isSandbox: boolean) {
  const { database, clock, random } = world
  const ledger = { post: postTransfers, balanceOf, isInsufficientFunds }
  const logged: unknown[] = []
  const ports: CampaignPorts & FillPorts = {
    ...{
      database,
      clock,
      random,
      isRowError,
      record: campaignRecord,
      areas: areaRecord,
      batches: droppedRecord,
    },
    log: { error: (fields: object) => void logged.push(fields) } as never,
    runOnce: (request, act) => runOnce(database, request, act),
    ledger,
    coupons: couponStock,
    codes: codeRecord,
    siteCodes: createSiteCodes({ hmacSecret, random }),
    budgets: { isFrozen, announce: () => {} },
    envelopes: droppedRecord,
    uploads: uploadRecord,
    place: placers.run,
    dropped: {
      transact: database.transact,
      record: { ...droppedRecord, endEnvelopes: envelopeRecord.endEnvelopes },
      ledger,
      giveBackCoupons: couponStock.giveBack,
      announcer,
    },
    settings: { isSandbox, currencies: testCurrencies, vertices: 200 },
  }
  return { campaigns: createCampaigns(ports), ports, logged }
}

export async function createCampaignStage(t: Test, options: { isSandbox?: boolean } = {}) {
  const stage = await createClaimStage(t)
  t.teardown(placers.close)
  const { database, clock } = stage.world
  const { campaigns, ports, logged } = compose(stage, options.isSandbox ?? true)

  const planOf = (changes: Partial<CampaignPlan> = {}): CampaignPlan => ({
    name: 'New Year on the plaza',
    area: plaza,
    budget: { amountMinor: '100000', currency: 'CNY' },
    schedule: { endsAt: new Date(clock.nowMs() + 7 * 86_400_000).toISOString() },
    ...changes,
  })
  const orderOf = (changes: Partial<DropOrder> = {}): DropOrder => ({
    strategy: { type: 'uniform', envelopes: 20 },
    ...{ amountMinor: '100', shares: 2, split: 'equal' },
    ...changes,
  })

  let keys = 0
  const key = () => `key-${++keys}`
  const create = (caller: MerchantCaller, changes: Partial<CampaignPlan> = {}, idempotencyKey = key()) =>
    campaigns.create({ caller, body: planOf(changes), idempotencyKey })
  const launch = (caller: MerchantCaller, id: string, idempotencyKey = key()) =>
    campaigns.launch({ caller, id, idempotencyKey })
  const drop = (
    caller: MerchantCaller,
    id: string,
    changes: Partial<DropOrder> = {},
    idempotencyKey = key(),
  ) => campaigns.drop({ caller, id, body: orderOf(changes), idempotencyKey })

  /** A live campaign of a new merchant. */
  async function launchNew(changes: Partial<CampaignPlan> = {}) {
    const merchant = await stage.createMerchant()
    const { body } = must(await create(merchant, changes))
    must(await launch(merchant, body.id))
    return { merchant, id: body.id }
  }

  async function run(name: string) {
    const job = campaigns.jobs.find(one => one.name === name)
    if (job === undefined) throw new Error(`no job ${name}`)
    for (let more = true; more; ) more = (await job.run(0)).more
  }
  const fill = () => run('fill-drops')
  const open = () => run('open-drops')
  /** Everything that is due, until nothing is. */
  async function settleAll() {
    await run('turn-campaigns')
    await fill()
    await run('settle-campaigns')
    await run('settle-campaigns')
  }
  const dropOf = (id: string) => campaignRecord.findDrop(database, id)
  const campaignOf = (id: string) => campaignRecord.find(database, id)
  const verbs = { create, launch, drop, launchNew, planOf, orderOf, key }
  return { ...stage, campaigns, ports, ...verbs, run, fill, open, settleAll, dropOf, campaignOf, logged }
}

/** What must not be refused. */
export function must<A extends { status: unknown }>(answer: A): Exclude<A, { status: 'refused' }> {
  if (answer.status === 'refused') throw new Error(`refused: ${JSON.stringify(answer)}`)
  return answer as Exclude<A, { status: 'refused' }>
}

export const reasonOf = (answer: { status: unknown; code?: string; reason?: string }): string =>
  answer.status === 'refused' ? [answer.code, answer.reason].filter(Boolean).join(' ') : String(answer.status)
