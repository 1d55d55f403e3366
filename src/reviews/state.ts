/**
 * The life of a text as one table: who may do what in which state, and what becomes of it. PostgreSQL holds the moves
 * of it and refuses every other; a test compares the two and asks for every state, actor and action.
 */
import { limits } from '#protocol/limits.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { State } from './review.ts'

/** `rejecter`: the reviewer whose rejection is appealed against. `subject`: what the text belongs to is over. */
export type Actor = 'author' | 'reader' | 'reviewer' | 'rejecter' | 'subject'
export type Action = 'release' | 'reject' | 'report' | 'appeal' | 'withdraw'

/** `counted`: reported, or hidden at the third voice. `again`: it is so already, and nothing happens. */
type Outcome = State | 'counted' | 'again'
type Moves = Partial<Record<Actor, Partial<Record<State, Outcome>>>>

export const moves: Readonly<Record<Action, Moves>> = {
  release: {
    reviewer: {
      ...{ held: 'released', reported: 'released', hidden: 'released', appealed: 'released' },
      released: 'again',
    },
  },
  reject: {
    reviewer: {
      ...{ held: 'rejected', released: 'rejected', reported: 'rejected', hidden: 'rejected' },
      ...{ appealed: 'rejected', rejected: 'again' },
    },
  },
  report: { reader: { released: 'counted', reported: 'counted', hidden: 'again' } },
  appeal: { author: { rejected: 'appealed', appealed: 'again' } },
  withdraw: { subject: { held: 'withdrawn', reported: 'withdrawn', hidden: 'withdrawn' } },
}

/** Whether others may read it. */
export const isShown = (state: State): boolean => state === 'released' || state === 'reported'
/** Whether somebody has to look at it. */
export const isWaiting = (state: State): boolean =>
  state === 'held' || state === 'reported' || state === 'hidden' || state === 'appealed'

export type Attempt = {
  state: State
  actor: Actor
  action: Action
  /** With this one. */
  reports?: number
  hasAppealed?: boolean
}

export type Decision = { status: 'move'; to: State } | { status: 'again' } | Refusal

/** Refusals in this order: `review_refused` same_reviewer, own_text; `not_found`; appeal_used; `review_state`. */
export function decide({ state, actor, action, reports = 0, hasAppealed = false }: Attempt): Decision {
  const allowed = moves[action][actor]
  if (allowed === undefined) {
    if (actor === 'rejecter') return refuse('review_refused', { reason: 'same_reviewer' })
    if (actor === 'author' && action === 'report') return refuse('review_refused', { reason: 'own_text' })
    return refuse('not_found')
  }
  if (action === 'appeal' && state === 'rejected' && hasAppealed) {
    return refuse('review_refused', { reason: 'appeal_used' })
  }
  const outcome = allowed[state]
  if (outcome === undefined) return refuse('review_state', { reason: state })
  if (outcome === 'again') return { status: 'again' }
  if (outcome !== 'counted') return { status: 'move', to: outcome }
  return { status: 'move', to: reports >= limits.review.hidingReports ? 'hidden' : 'reported' }
}
