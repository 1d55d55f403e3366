/**
 * The port to whoever moves money outside. A provider is handed each payout once at least, and tells repetitions by
 * `idempotencyKey`; how the payout ended it says by a signed callback.
 */

export type Order = {
  /** The payout's id, the same in every try. */
  idempotencyKey: string
  owner: { kind: 'player' | 'merchant'; id: string }
  amountMinor: bigint
  currency: string
  destination: string | undefined
}

/**
 * `accepted`: it will say how it ends. `rejected`: it never paid and never will. `by_hand`: none of its business.
 * Texts have 1 to 120 characters.
 */
export type Submission =
  | { status: 'accepted'; reference?: string }
  | { status: 'rejected'; reason: string }
  | { status: 'by_hand' }

/** Throws where nobody knows: the payout is then handed over again. */
export type PayoutProvider = { submit(order: Order): Promise<Submission> }

/** The operator pays by hand, and says so. */
export const manualProvider: PayoutProvider = { submit: async () => ({ status: 'by_hand' }) }
