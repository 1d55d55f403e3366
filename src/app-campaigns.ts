/** The part of the composition root that concerns campaigns and coupons: the other half of app.ts. */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import type { Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { type Database, isRowError, type Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { createWorkers } from '#platform/workers.ts'
import { areaRecord } from './areas/postgres.ts'
import { registerAreaRoutes } from './areas/routes.ts'
import { type BudgetHolder, nameBudget } from './budgets/budget.ts'
import { isFrozen, listFrozen } from './budgets/postgres.ts'
import { createCampaigns } from './campaigns/campaigns.ts'
import { campaignLabels, campaignRecord, codeRecord, listStopped } from './campaigns/postgres.ts'
import type { Placed, PlaceRequest } from './campaigns/placing.ts'
import { createSiteCodes } from './campaigns/site-code.ts'
import { registerCampaignRoutes } from './campaigns/routes.ts'
import type { SettledBatch } from './claims/settle.ts'
import { createCoupons } from './coupons/coupons.ts'
import { countRedeemed, couponRecord, couponStock } from './coupons/postgres.ts'
import { registerCouponRoutes } from './coupons/routes.ts'
import { createVault } from './coupons/vault.ts'
import { toEvent } from './coupons/redeemed.ts'
import { createWrongCodes } from './coupons/wrong-codes.ts'
import { droppedRecord, envelopeRecord } from './envelopes/postgres.ts'
import { createFigures } from './figures/figures.ts'
import { figuresRecord } from './figures/postgres.ts'
import { createFiguresChannel } from './figures/redis.ts'
import { registerFiguresRoutes } from './figures/routes.ts'
import { balanceOf, isInsufficientFunds } from './ledger/postgres.ts'
import type { PostTransfers } from './ledger/transfer.ts'
import { merchantRecord } from './merchants/postgres.ts'
import type { NoteAction } from './operator/action.ts'
import type { Caller } from './players/caller.ts'
import type { Announcer } from './realtime/announcer.ts'
import { uploadRecord } from './uploads/postgres.ts'
import { registerUploadRoutes } from './uploads/routes.ts'
import { createUploadVerb } from './uploads/upload-points.ts'
import type { NoteEvent } from './webhooks/event.ts'

export type CampaignParts = {
  config: Pick<ReadyConfig, 'isSandbox' | 'currencies' | 'areaVertices' | 'hmacSecret' | 'couponKeys'>
  database: Database
  clock: Clock
  random: Random
  log: Logger
  postTransfers: PostTransfers
  announcer: Announcer
  noteAction: NoteAction
  noteEvent: NoteEvent
  /** Other servers read again what is stopped. */
  announceStops: () => void
}

export type FiguresParts = Parameters<typeof createFiguresChannel>[0] &
  Pick<CampaignParts, 'database'> & { game: Database; hmacSecret: string }

/** The figures of campaigns, and what claims tell them. */
export function composeFigures(parts: FiguresParts) {
  const { database, game } = parts
  const figures = createFigures({
    ...parts,
    ...{ record: figuresRecord, countRedeemed },
    channel: createFiguresChannel(parts),
    listLiveKeys: ids => merchantRecord.listLiveKeys(game, ids),
  })
  return {
    onSettled: ({ envelopes }: SettledBatch) =>
      figures.changed(envelopes.flatMap(({ campaignId }) => campaignId ?? [])),
    onRevealed: figures.revealed,
    stop: figures.streams.close,
    drain: figures.drain,
    register: (bind: Bind<Caller>) =>
      registerFiguresRoutes(bind, {
        ...{ figures, database, record: figuresRecord, findCampaign: campaignRecord.find },
      }),
  }
}

/** The names of everything that pays nothing now: frozen, or a campaign that is paused or outside of its windows. */
export async function listStops(tx: Tx): Promise<string[]> {
  const stopped = (await listStopped(tx)).map(ownerId => nameBudget({ kind: 'campaign', ownerId }))
  return [...(await listFrozen(tx)), ...stopped]
}

/** Whether there is such a merchant or campaign. */
export async function isHolder(tx: Tx, holder: BudgetHolder): Promise<boolean> {
  if (holder.kind === 'platform') return true
  return holder.kind === 'merchant'
    ? (await merchantRecord.find(tx, holder.ownerId)) !== undefined
    : (await campaignLabels.findMerchant(tx, holder.ownerId)) !== undefined
}

/** Of two cores one is left for claims; what waits behind these is answered within the deadline of a request. */
export const createPlacers = () =>
  createWorkers<PlaceRequest, Placed>({
    module: new URL('./campaigns/place-task.ts', import.meta.url),
    ...{ threads: 2, waiting: 8, withinMs: 10_000 },
  })

export function composeCampaigns(parts: CampaignParts) {
  const { config, database, clock, random, log, announcer, noteAction } = parts
  const ledger = { post: parts.postTransfers, balanceOf, isInsufficientFunds }
  const record = { ...droppedRecord, endEnvelopes: envelopeRecord.endEnvelopes }
  const placers = createPlacers()
  const campaigns = createCampaigns({
    ...{ uploads: uploadRecord, place: placers.run },
    ...{ database, clock, random, log, isRowError, ledger },
    ...{ record: campaignRecord, areas: areaRecord, envelopes: droppedRecord, batches: droppedRecord },
    codes: codeRecord,
    siteCodes: createSiteCodes({ hmacSecret: config.hmacSecret, random }),
    runOnce: (request, act) => runOnce(database, request, act),
    budgets: { isFrozen, announce: parts.announceStops },
    coupons: couponStock,
    dropped: {
      ...{ transact: database.transact, record, ledger, announcer },
      giveBackCoupons: couponStock.giveBack,
    },
    settings: {
      ...{ isSandbox: config.isSandbox, currencies: config.currencies, vertices: config.areaVertices },
    },
  })
  const coupons = createCoupons({
    ...{ database, clock, random, record: couponRecord },
    runOnce: (request, act) => runOnce(database, request, act),
    vault: createVault({ keys: config.couponKeys, hmacSecret: config.hmacSecret, random }),
    wrongCodes: createWrongCodes(clock),
    onRedeemed: (tx, redeemed) => parts.noteEvent(tx, toEvent(redeemed)),
  })
  return {
    jobs: campaigns.jobs,
    close: placers.close,
    register(bind: Bind<Caller>): void {
      const reading = { database, clock, ledger, record: campaignRecord, envelopes: droppedRecord }
      registerCampaignRoutes(bind, { campaigns, ...reading })
      const uploading = {
        database,
        clock,
        campaigns: campaignRecord,
        areas: areaRecord,
        record: uploadRecord,
      }
      registerUploadRoutes(bind, createUploadVerb(uploading))
      registerCouponRoutes(bind, { coupons })
      registerAreaRoutes(bind, { database, clock, random, noteAction, areas: areaRecord })
    },
  }
}
