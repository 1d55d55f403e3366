/**
 * Accounts are named by what they are: the id is a uuid v5 of (kind, owner, currency), so nobody looks one up and the
 * order in which accounts are locked is known before the database is asked.
 */
import { nameId } from '#platform/id.ts'

/** Published namespace of account ids. */
export const accountNamespace = '6f1d7a52-3c0e-5b7e-9c57-2f0f6c1e8a11'

export type AccountRef =
  | { kind: 'external'; currency: string }
  | { kind: 'wallet' | 'escrow' | 'payout' | 'campaign' | 'drop'; ownerId: string; currency: string }

export const externalAccount = (currency: string): AccountRef => ({ kind: 'external', currency })
export const walletOf = (ownerId: string, currency: string): AccountRef => ({
  kind: 'wallet',
  ownerId,
  currency,
})
export const escrowOf = (envelopeId: string, currency: string): AccountRef => ({
  kind: 'escrow',
  ownerId: envelopeId,
  currency,
})
export const payoutOf = (payoutId: string, currency: string): AccountRef => ({
  kind: 'payout',
  ownerId: payoutId,
  currency,
})

/** A campaign's budget, as far as no drop has it. */
export const campaignOf = (campaignId: string, currency: string): AccountRef => ({
  kind: 'campaign',
  ownerId: campaignId,
  currency,
})
/** What a drop has still to put into its envelopes. */
export const dropOf = (dropId: string, currency: string): AccountRef => ({
  kind: 'drop',
  ownerId: dropId,
  currency,
})

export const ownerOf = (account: AccountRef): string | null =>
  account.kind === 'external' ? null : account.ownerId

export const accountId = (account: AccountRef): string =>
  nameId(`${account.kind}:${ownerOf(account) ?? ''}:${account.currency}`, accountNamespace)
