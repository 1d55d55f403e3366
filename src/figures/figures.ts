/** The figures of campaigns, composed once from their ports. */
import type { Logger } from 'pino'
import { LRUCache } from 'lru-cache'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { pseudonymOf } from '../envelopes/audience.ts'
import { type Form, whenOver, writeClaims, writeEnvelopes } from './export.ts'
import { drawHeatMap, type HeatMap, lastWindowEnd } from './heat-map.ts'
import type { CountRedeemed, FiguresRecord } from './ports.ts'
import { createReadFigures, type ReadFigures } from './read.ts'
import type { FiguresChannel } from './redis.ts'
import { createRevealCounter, type Reveal } from './reveals.ts'
import { createStreams, type Streams } from './streams.ts'
import { createFiguresWatch } from './watch.ts'

export type FiguresPorts = {
  database: Pick<Database, 'query' | 'snapshot'>
  record: FiguresRecord
  channel: FiguresChannel
  /** Those of these API keys that are not revoked. */
  listLiveKeys: (keyIds: readonly string[]) => Promise<readonly string[]>
  /** Absent where nothing can be redeemed. */
  countRedeemed?: CountRedeemed
  hmacSecret: string
  clock: Clock
  log: Pick<Logger, 'warn'>
  /** Faster in tests. */
  pace?: Partial<Pace>
}

type Pace = {
  tickMs: number
  rereadMs: number
  heartbeatMs: number
  slowReaderMs: number
  checkKeysMs: number
  revealsMs: number
}

export type Exported = { status: 'begun'; pieces: AsyncIterable<string> } | Refusal

export type FiguresOfCampaigns = {
  read: ReadFigures
  streams: Streams
  heatMap(campaignId: string): Promise<HeatMap>
  export(what: 'envelopes' | 'claims', form: Form, of: { campaignId: string; merchantId: string }): Exported
  /** After the commit of what changed a campaign. */
  changed(campaignIds: Iterable<string>): void
  /** A player was shown an envelope. */
  revealed(reveal: Reveal): void
  /** Resolves when what was counted is on record, or was given up. */
  drain(): Promise<void>
}

const rules = limits.figures

const usualPace: Pace = {
  ...{ tickMs: rules.tickMs, rereadMs: rules.rereadMs, heartbeatMs: rules.heartbeatMs },
  ...{ slowReaderMs: rules.slowReaderMs, checkKeysMs: 1_500, revealsMs: 2_000 },
}

export function createFigures(ports: FiguresPorts): FiguresOfCampaigns {
  const { database, record, channel, listLiveKeys, clock, log } = ports
  const pace = { ...usualPace, ...ports.pace }
  const read = createReadFigures({ ...ports, countRedeemed: ports.countRedeemed })
  const watch = createFiguresWatch({ read, channel, clock, log, pace })
  const most = { perKey: rules.streamsPerKey, perServer: rules.streamsPerServer }
  const streams = createStreams({ read, watch, listLiveKeys, clock, pace, most })
  const reveals = createRevealCounter({
    ...{ clock, log, everyMs: pace.revealsMs },
    async add(counts) {
      await record.addReveals(database, counts)
      new Set(counts.map(({ campaignId }) => campaignId)).forEach(channel.announce)
    },
  })
  return {
    ...{ read, streams, heatMap: createHeatMaps(ports), export: createExports(ports) },
    changed: campaignIds => new Set(campaignIds).forEach(channel.announce),
    revealed: reveals.note,
    drain: reveals.flush,
  }
}

/** A map is drawn once for each window, and remembered for whoever asks again. */
function createHeatMaps({ database, record, clock }: FiguresPorts) {
  const { windowMs, playersPerCell: k } = rules
  const drawn = new LRUCache<string, Promise<HeatMap>>({ max: 1_000 })
  return (campaignId: string): Promise<HeatMap> => {
    const beforeMs = lastWindowEnd(clock.nowMs(), { windowMs, lateMs: limits.statement.settledMs })
    const key = `${campaignId}:${beforeMs}`
    const known = drawn.get(key)
    if (known !== undefined) return known
    const map = record
      .listFinders(database, campaignId, { beforeMs, windowMs })
      .then(firsts => drawHeatMap(firsts, { k, windowMs }))
    drawn.set(key, map)
    map.catch(() => drawn.delete(key))
    return map
  }
}

function createExports({ database, record, hmacSecret }: FiguresPorts): FiguresOfCampaigns['export'] {
  const underWay = new Map<string, number>()
  return (what, form, { campaignId, merchantId }) => {
    const before = underWay.get(merchantId) ?? 0
    if (before >= rules.exportsAtOnce) return refuse('too_many_requests', { retryAfterMs: 5_000 })
    underWay.set(merchantId, before + 1)
    const hider = { kind: 'merchant', id: merchantId }
    const pieces =
      what === 'envelopes'
        ? writeEnvelopes(form, (after, limit) => record.pageEnvelopes(database, campaignId, { after, limit }))
        : writeClaims(
            form,
            ({ envelopeId, playerId }) => pseudonymOf(hmacSecret, { envelopeId, hider, playerId }),
            (after, limit) => record.pageClaims(database, campaignId, { after, limit }),
          )
    const end = () => {
      const left = (underWay.get(merchantId) ?? 1) - 1
      if (left === 0) underWay.delete(merchantId)
      else underWay.set(merchantId, left)
    }
    return { status: 'begun', pieces: whenOver(pieces, end) }
  }
}
