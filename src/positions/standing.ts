/**
 * Everything the game remembers of where a player is: the track and the quotas, one small value per account, and one
 * per device, which several accounts may share. Rules judge it and return the next one; the store replaces it only if
 * nobody else did meanwhile.
 */
import type { CellQuota } from './cells.ts'
import type { Pace } from './pace.ts'
import type { UsedCode } from './used-codes.ts'
import { type Quotas, type QuotaWindow, reseedPermits, unusedQuotas } from './quotas.ts'
import { emptyTrack, type Track } from './track.ts'

/** Why hints pause: faster than on foot, or too many new cells. */
export type Pause = 'speed' | 'cells'

/**
 * A change that copies another standing names what is left out as `undefined`: objects with the same fields in the same
 * order share their shape, where one that loses or gains a field on its way has a dictionary of shapes of its own.
 */
export type Standing = {
  track: Track
  quotas: Quotas
  cells?: CellQuota | undefined
  /** Hints pause where the last accepted fix is. */
  paused?: Pause | undefined
  /** On-site codes that let the owner in, while they may still count. */
  codes?: readonly UsedCode[] | undefined
  /** Tries of this hour from implausibly far away; of an account only. */
  jumps?: QuotaWindow | undefined
  /** Strikes pause rewards until then; of an account only. The record is PostgreSQL. */
  struckUntilMs?: number | undefined
}

/** Of whom nothing is known, with every field: all others begin as copies of it. */
export const unusedStanding: Standing = {
  track: emptyTrack,
  quotas: unusedQuotas,
  cells: undefined,
  paused: undefined,
  codes: undefined,
  jumps: undefined,
  struckUntilMs: undefined,
}

/** A standing after a verdict, and the answer to whoever asked. */
export type Judged<A> = { standing: Standing; answer: A }

/** Whose standing it is. */
export type Owner = { kind: 'account' | 'device'; id: string }

/** What is on record of a player: the wins of the last day, and until when strikes pause rewards. */
export type Recorded = { claimsOfDay: number; struckUntilMs?: number | undefined }

/** A player whom Redis does not know: new, or forgotten. */
export const freshStanding = ({ claimsOfDay, struckUntilMs }: Recorded, pace: Pace): Standing => ({
  ...unusedStanding,
  quotas: claimsOfDay === 0 ? unusedQuotas : reseedPermits(unusedQuotas, claimsOfDay, pace),
  struckUntilMs,
})

export type StandingStore = {
  /** Applies a pure change to the latest value; `change` may run again when another server was faster. */
  update<A>(
    owner: Owner,
    fresh: () => Promise<Standing>,
    change: (standing: Standing) => Judged<A>,
  ): Promise<A>
  read(owner: Owner): Promise<Standing | undefined>
}
