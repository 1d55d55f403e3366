/**
 * What the operator did, or what happened in their place when a cap was reached or players reported an envelope: added
 * once, never changed.
 */
import type { Tx } from '#platform/postgres.ts'

export type ActionKind =
  | 'set_cap'
  | 'freeze'
  | 'unfreeze'
  | 'replay'
  | 'ban'
  | 'lift_ban'
  | 'uphold_appeal'
  | 'reject_appeal'
  | 'cancel_request'
  | 'split_request'
  | 'exclude'
  | 'lift_exclusion'
  | 'close_reported'
  | 'read_chat'
  | 'set_area'
  | 'replace_keys'

export type Action = {
  actor: 'operator' | 'cap' | 'reports'
  action: ActionKind
  target: object
  reason: string
  /** Figures; amounts in minor units. */
  before?: Readonly<Record<string, string | number | bigint | undefined>>
  after?: Readonly<Record<string, string | number | bigint | undefined>>
  atMs: number
}

/** Writes it in the transaction of what it tells. */
export type NoteAction = (tx: Tx, action: Action) => Promise<void>

/** As it is kept: amounts are decimal strings. */
export type NotedAction = Omit<Action, 'before' | 'after'> & {
  id: string
  before: Readonly<Record<string, string | number>> | undefined
  after: Readonly<Record<string, string | number>> | undefined
}
