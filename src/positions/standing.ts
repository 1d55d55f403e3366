/**
 * Everything the game remembers of where a player is: the track and the quotas, one small value per account. Rules
 * judge it and return the next one; the store replaces it only if nobody else did meanwhile.
 */
import { type Quotas, reseedPermits, unusedQuotas } from './quotas.ts'
import { emptyTrack, type Track } from './track.ts'
import type { Pace } from './pace.ts'

export type Standing = { track: Track; quotas: Quotas }

/** A player whom Redis does not know: new, or forgotten; their wins of the last day are on record. */
export const freshStanding = (claimsOfDay: number, pace: Pace): Standing => ({
  track: emptyTrack,
  quotas: claimsOfDay === 0 ? unusedQuotas : reseedPermits(unusedQuotas, claimsOfDay, pace),
})

export type StandingStore = {
  /** Applies a pure change to the latest value; `change` may run again when another server was faster. */
  update<A>(
    playerId: string,
    fresh: () => Promise<Standing>,
    change: (standing: Standing) => { standing: Standing; answer: A },
  ): Promise<A>
  read(playerId: string): Promise<Standing | undefined>
}
