/**
 * Uploading: a file is read as it comes, its points are judged against the campaign, and all of them are kept or none.
 * Few at a time in one server: each is held in memory until it is judged. The id follows from campaign and points, so a
 * repetition is the same upload.
 */
import { createHash } from 'node:crypto'
import type { Upload as UploadSchema } from '#protocol/rest/uploads.ts'
import { limits } from '#protocol/limits.ts'
import type { Static } from 'typebox'
import { v5 as uuidV5 } from 'uuid'
import type { Clock } from '#platform/clock.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { type Refusal, refuse, Unavailable } from '#platform/problem.ts'
import type { ExclusionRecord } from '../areas/exclusion.ts'
import type { Campaign } from '../campaigns/campaign.ts'
import type { Crs } from '../geo/datum.ts'
import type { MerchantCaller } from '../players/caller.ts'
import { findMisplaced, listFaults } from './misplaced.ts'
import { readPoints, type SentFile } from './read.ts'
import { pointerOf, type Upload, type UploadedPoints, type UploadRecord } from './upload.ts'

export type UploadPorts = {
  database: Tx & { transact: Transact }
  campaigns: {
    find(tx: Tx, id: string): Promise<Campaign | undefined>
    lock(tx: Tx, id: string): Promise<Campaign | undefined>
  }
  areas: Pick<ExclusionRecord, 'findExcluding'>
  record: UploadRecord
  clock: Clock
}

type Sent = { caller: MerchantCaller; id: string; file: SentFile; crs: Crs }
type Uploaded = { status: 201; body: Static<typeof UploadSchema> }

export type UploadVerb = (sent: Sent) => Promise<Uploaded | Refusal>

export function createUploadVerb(ports: UploadPorts): UploadVerb {
  let underWay = 0
  return async sent => {
    const campaign = await ports.campaigns.find(ports.database, sent.id)
    if (campaign?.merchantId !== sent.caller.id) return refuse('not_found')
    if (campaign.state === 'ended') return refuse('campaign_state', { reason: 'ended' })
    if (underWay >= limits.upload.atOnce) throw new Unavailable('too many uploads at once')
    underWay++
    try {
      return await uploadPoints(ports, campaign, sent)
    } finally {
      underWay--
    }
  }
}

async function uploadPoints(
  ports: UploadPorts,
  campaign: Campaign,
  { file, crs }: Sent,
): Promise<Uploaded | Refusal> {
  const { database, areas, record, clock } = ports
  const read = await readPoints(file, crs)
  if (read.status === 'refused') return read
  const { uploaded } = read
  const faults = await findMisplaced(areas, database, { places: uploaded.places, area: campaign.area })
  if (faults.length > 0) {
    const errors = listFaults(faults, index => pointerOf(uploaded, index))
    return refuse('upload_refused', { reason: 'rows_refused', errors })
  }
  const campaignId = campaign.id
  const upload: Upload = {
    ...uploaded,
    id: nameUpload(campaignId, uploaded),
    campaignId,
    createdAtMs: clock.nowMs(),
  }
  return database.transact<Uploaded | Refusal>(async tx => {
    // Ended meanwhile, it would keep what its end has thrown away.
    const locked = await ports.campaigns.lock(tx, campaignId)
    if (locked?.state === 'ended') return refuse('campaign_state', { reason: 'ended' })
    await record.insert(tx, upload, limits.upload.kept)
    return { status: 201, body: viewUpload(upload) }
  })
}

function nameUpload(campaignId: string, { format, places, rows }: UploadedPoints): string {
  const hash = createHash('sha256').update(format)
  for (const part of [places.lngs, places.lats, rows]) hash.update(part)
  return uuidV5(hash.digest('hex'), campaignId)
}

const viewUpload = ({ id, campaignId, format, rows, createdAtMs }: Upload): Static<typeof UploadSchema> => ({
  ...{ id, campaignId, format, points: rows.length },
  createdAt: new Date(createdAtMs).toISOString(),
})
