/**
 * The states of a payout as one table: reserved, handed over to a provider or not, and then paid or failed for ever.
 * PostgreSQL holds the same table and refuses every other move; a test compares the two.
 */
import type { Static } from 'typebox'
import type { PayoutState as StateSchema } from '#protocol/rest/payouts.ts'

export type PayoutState = Static<typeof StateSchema>
export type Outcome = Extract<PayoutState, 'paid' | 'failed'>

export const transitions: Readonly<Record<PayoutState, readonly PayoutState[]>> = {
  reserved: ['submitted', 'paid', 'failed'],
  submitted: ['paid', 'failed'],
  paid: [],
  failed: [],
}

/** Ended is final: the money is outside, or back in the wallet. */
export const isEnded = (state: PayoutState): state is Outcome => transitions[state].length === 0
