/** The till's code: shown to whoever may, and made from another secret when its merchant says so. */
import type { RotatedCode, ShownCode } from '#protocol/rest/codes.ts'
import type { Static } from 'typebox'
import type { Transact, Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Clock } from '#platform/clock.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { SiteCode, SiteCodes } from './site-code.ts'

/** Codes are a campaign's, whether it has a plan or is only an id that envelopes carry. */
export type CodeRecord = {
  /** Keeps the code, unless there is one. */
  openCode(tx: Tx, campaignId: string, code: SiteCode): Promise<void>
  /** Of the merchant's own campaign. */
  findCode(tx: Tx, which: { campaignId: string; merchantId: string }): Promise<SiteCode | undefined>
  /** Locks the row, then reads it. */
  lockCode(tx: Tx, which: { campaignId: string; merchantId: string }): Promise<SiteCode | undefined>
  storeCode(tx: Tx, campaignId: string, code: SiteCode): Promise<void>
}

export type CodePorts = {
  database: Tx & { transact: Transact }
  codes: CodeRecord
  siteCodes: SiteCodes
  clock: Clock
}

type Asked = { caller: MerchantCaller; id: string }

/** `not_found` for what is another merchant's, and where nothing asks for a code. */
export async function showCode(
  { database, codes, siteCodes, clock }: CodePorts,
  { caller, id: campaignId }: Asked,
): Promise<{ status: 200; body: Static<typeof ShownCode> } | Refusal> {
  const nowMs = clock.nowMs()
  const code = await codes.findCode(database, { campaignId, merchantId: caller.id })
  if (code === undefined) return refuse('not_found')
  const { digits, expiresAtMs } = siteCodes.show(code, nowMs)
  const body = {
    campaignId,
    code: digits,
    expiresAt: toTimestamp(expiresAtMs),
    secondsLeft: Math.ceil((expiresAtMs - nowMs) / 1_000),
    payload: `hexbao://code?campaign=${campaignId}&code=${digits}`,
  }
  return { status: 200, body }
}

export function rotateCode(
  { database, codes, siteCodes, clock }: CodePorts,
  { caller, id: campaignId }: Asked,
): Promise<{ status: 200; body: Static<typeof RotatedCode> } | Refusal> {
  const nowMs = clock.nowMs()
  return database.transact<{ status: 200; body: Static<typeof RotatedCode> } | Refusal>(async tx => {
    const code = await codes.lockCode(tx, { campaignId, merchantId: caller.id })
    if (code === undefined) return refuse('not_found')
    const next = siteCodes.rotate(code, nowMs)
    await codes.storeCode(tx, campaignId, next)
    return { status: 200, body: { campaignId, changesAt: toTimestamp(next.changesAtMs) } }
  })
}
