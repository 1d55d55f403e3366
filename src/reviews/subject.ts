/** What a text belongs to: a service request or an envelope, whose owner says what its review makes of it. */
import type { Tx } from '#platform/postgres.ts'

/** `shown` to all who may see the subject, `hidden` from them, `rejected` for good. */
export type Fate = 'shown' | 'hidden' | 'rejected'

export type Subject = {
  /** Locks it until the transaction ends: before its review, always. Whether this reader, or anybody, reads it now. */
  lock(tx: Tx, which: { id: string; readerId?: string }): Promise<boolean>
  /** Makes it so in the transaction; what it returns is told after the commit. */
  become(tx: Tx, order: { id: string; fate: Fate; nowMs: number }): Promise<() => void>
}
