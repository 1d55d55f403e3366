/**
 * The money of an envelope besides its claims: all of it goes into an escrow account of its own before anyone can see
 * the envelope, and what nobody claimed goes back when it ends. Both transfers are named after the envelope, so doing
 * one of them twice is doing the same thing.
 */
import { nameId } from '#platform/id.ts'
import { campaignOf, escrowOf, walletOf } from '../ledger/account.ts'
import type { Transfer } from '../ledger/transfer.ts'
import type { Hider } from './envelope.ts'

type Funded = { id: string; hider: Hider; currency: string }
type Refunded = Funded & { campaignId: string | null; dropId: string | null }

/** Wallet to escrow: the whole total. */
export const fundEscrow = (
  { id, hider, currency }: Funded,
  { amountMinor, atMs }: { amountMinor: bigint; atMs: number },
): Transfer => ({
  id: nameId('escrow', id),
  kind: 'escrow',
  debit: walletOf(hider.id, currency),
  credit: escrowOf(id, currency),
  amountMinor,
  currency,
  envelopeId: id,
  createdAtMs: atMs,
})

/** Escrow to wallet, or to the campaign whose drop it came with: what is left. */
export const refundEscrow = (
  { id, hider, currency, campaignId, dropId }: Refunded,
  { amountMinor, atMs }: { amountMinor: bigint; atMs: number },
): Transfer => ({
  id: nameId('refund', id),
  kind: 'refund',
  debit: escrowOf(id, currency),
  credit:
    campaignId !== null && dropId !== null ? campaignOf(campaignId, currency) : walletOf(hider.id, currency),
  amountMinor,
  currency,
  envelopeId: id,
  createdAtMs: atMs,
})
