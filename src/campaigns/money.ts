/**
 * The money of a campaign: the whole budget leaves the wallet at the launch, a drop takes its cost before the first of
 * its envelopes is made, and what envelopes give back comes to the campaign, and home when it ended.
 */
import { v5 as uuidV5 } from 'uuid'
import { type AccountRef, campaignOf, dropOf, walletOf } from '../ledger/account.ts'
import type { Transfer, TransferKind } from '../ledger/transfer.ts'

type Owner = { id: string; merchantId: string; currency: string }
type Sum = { amountMinor: bigint; atMs: number }

const move = (
  kind: TransferKind,
  [debit, credit]: readonly [AccountRef, AccountRef],
  { id, amountMinor, atMs }: Sum & { id: string },
): Transfer => ({ id, kind, debit, credit, amountMinor, currency: debit.currency, createdAtMs: atMs })

/** Once in the life of a campaign; what is added later has ids of its own. */
export const fundCampaign = ({ id, merchantId, currency }: Owner, sum: Sum): Transfer =>
  move('campaign_funding', [walletOf(merchantId, currency), campaignOf(id, currency)], {
    ...{ id: uuidV5('campaign_funding', id), ...sum },
  })

export const topUpBudget = ({ id, merchantId, currency }: Owner, sum: Sum & { id: string }): Transfer =>
  move('campaign_funding', [walletOf(merchantId, currency), campaignOf(id, currency)], sum)

/** What has come back by now; more may follow where an envelope was frozen. */
export const refundCampaign = ({ id, merchantId, currency }: Owner, sum: Sum & { id: string }): Transfer =>
  move('campaign_refund', [campaignOf(id, currency), walletOf(merchantId, currency)], sum)

export const fundDrop = ({ id, currency }: Owner, { dropId, ...sum }: Sum & { dropId: string }): Transfer =>
  move('drop', [campaignOf(id, currency), dropOf(dropId, currency)], { id: uuidV5('drop', dropId), ...sum })

/** What its envelopes never got. */
export const returnDrop = ({ id, currency }: Owner, { dropId, ...sum }: Sum & { dropId: string }): Transfer =>
  move('drop_returned', [dropOf(dropId, currency), campaignOf(id, currency)], {
    ...{ id: uuidV5('drop_returned', dropId), ...sum },
  })
