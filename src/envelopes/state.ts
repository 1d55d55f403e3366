/**
 * The states of an envelope as one table. PostgreSQL holds the same table and refuses every other move; a test compares
 * the two, so that neither can change alone.
 */
import type { Static } from 'typebox'
import type { EnvelopeState as StateSchema } from '#protocol/rest/envelopes.ts'

export type EnvelopeState = Static<typeof StateSchema>
export type EndedState = Extract<EnvelopeState, 'empty' | 'expired' | 'closed'>

export const transitions: Readonly<Record<EnvelopeState, readonly EnvelopeState[]>> = {
  draft: ['funded', 'live', 'closed'],
  funded: ['live', 'expired', 'closed', 'frozen'],
  live: ['empty', 'expired', 'closed', 'frozen'],
  frozen: ['funded', 'live', 'empty', 'expired', 'closed'],
  empty: [],
  expired: [],
  closed: [],
}

export const canMove = (from: EnvelopeState, to: EnvelopeState): boolean => transitions[from].includes(to)

/** Ended is final: nothing leads out of these. */
export const isEnded = (state: EnvelopeState): state is EndedState => transitions[state].length === 0

/** Whether others than the hider may know of it; one that is still to open is nobody else's business. */
export const isVisible = (state: EnvelopeState): boolean => state !== 'draft' && state !== 'funded'
