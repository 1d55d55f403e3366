/**
 * The life of a service request as one table: who may do what in which state, and what becomes of it. PostgreSQL holds
 * the moves of it and refuses every other; a test compares the two and asks for every state, actor and action. A draft
 * has no money in it yet; in review it has, and others learn of it when its text is released.
 */
import type { Static } from 'typebox'
import type { ServiceRequestMode, ServiceRequestState } from '#protocol/rest/service-requests.ts'
import { type Refusal, refuse } from '#platform/problem.ts'

export type RequestState = Static<typeof ServiceRequestState>
export type RequestMode = Static<typeof ServiceRequestMode>
export type EndState = Extract<RequestState, 'confirmed' | 'settled' | 'cancelled' | 'expired'>

/** `provider` is the accepted one; every other player is a `rival`. `review` is what became of its text. */
export type Actor = 'poster' | 'provider' | 'rival' | 'operator' | 'clock' | 'review'

export type Action =
  | 'post'
  | 'hold'
  | 'release'
  | 'reject'
  | 'top_up'
  | 'offer'
  | 'withdraw'
  | 'accept'
  | 'take'
  | 'deliver'
  | 'confirm'
  | 'dispute'
  | 'cancel'
  | 'split'
  | 'expire'
  | 'lapse'

/**
 * A state; `posted`: open, or review where its text is held; `reopened`: offered where other offers stand, else open;
 * `again`: it is so already, and nothing happens, so that whoever has lost the answer may ask once more.
 */
type Outcome = RequestState | 'posted' | 'reopened' | 'again'
type Moves = Partial<Record<Actor, Partial<Record<RequestState, Outcome>>>>

/** What an actor is not named for, they may never do; what a state is not named for, not then. */
export const moves: Readonly<Record<Action, Moves>> = {
  post: { poster: { draft: 'posted' } },
  hold: { review: { open: 'review', offered: 'review', review: 'again' } },
  release: { review: { review: 'reopened' } },
  reject: { review: { review: 'cancelled', open: 'cancelled', offered: 'cancelled', accepted: 'cancelled' } },
  top_up: { poster: { open: 'open', offered: 'offered', accepted: 'accepted', delivered: 'delivered' } },
  offer: { rival: { open: 'offered', offered: 'offered' }, provider: {} },
  withdraw: { rival: { offered: 'reopened', review: 'review' }, provider: {} },
  accept: { poster: { offered: 'accepted', accepted: 'again' } },
  take: { rival: { open: 'accepted' }, provider: { accepted: 'again' } },
  deliver: { provider: { accepted: 'delivered', delivered: 'again' } },
  confirm: { poster: { delivered: 'confirmed', confirmed: 'again' }, clock: { delivered: 'confirmed' } },
  dispute: { poster: { delivered: 'disputed', disputed: 'again' } },
  cancel: {
    poster: {
      ...{ draft: 'cancelled', review: 'cancelled', open: 'cancelled', offered: 'cancelled' },
      ...{ accepted: 'cancelled', cancelled: 'again' },
    },
    provider: { accepted: 'reopened' },
    operator: {
      ...{ review: 'cancelled', open: 'cancelled', offered: 'cancelled', accepted: 'cancelled' },
      cancelled: 'again',
    },
  },
  split: { operator: { disputed: 'settled' } },
  expire: { clock: { draft: 'expired', review: 'expired', open: 'expired', offered: 'expired' } },
  lapse: { clock: { accepted: 'reopened' } },
}

export const ended: readonly EndState[] = ['confirmed', 'settled', 'cancelled', 'expired']
export const isEnded = (state: RequestState): state is EndState =>
  (ended as readonly RequestState[]).includes(state)
/** Whether others may know of it. */
export const isPublic = (state: RequestState): boolean => state === 'open' || state === 'offered'
/** Whether what was offered still stands: a review that hides a request leaves its offers as they are. */
export const keepsOffers = (state: RequestState): boolean => isPublic(state) || state === 'review'
/** While it is in their hands, the provider knows the exact place. */
export const isUnderWay = (state: RequestState): boolean =>
  state === 'accepted' || state === 'delivered' || state === 'disputed'

const modeOf: Partial<Record<Action, RequestMode>> = {
  offer: 'choose',
  withdraw: 'choose',
  accept: 'choose',
  take: 'first_taker',
}

export type Attempt = {
  state: RequestState
  mode: RequestMode
  actor: Actor
  action: Action
  /** Offers that stand when it is done. */
  offersLeft: number
}

export type Decision = { status: 'move'; to: RequestState } | { status: 'again' } | Refusal

/**
 * Refusals in this order: `own_request` (the poster as a provider), `not_your_request`, `wrong_mode`, `wrong_state`.
 */
export function decide({ state, mode, actor, action, offersLeft }: Attempt): Decision {
  const allowed = moves[action][actor]
  if (allowed === undefined) {
    const isOwn = actor === 'poster' && moves[action].rival !== undefined
    return refuse(isOwn ? 'own_request' : 'not_your_request')
  }
  if (modeOf[action] !== undefined && modeOf[action] !== mode) return refuse('wrong_mode', { reason: mode })
  const outcome = allowed[state]
  if (outcome === undefined) return refuse('wrong_state', { reason: state })
  if (outcome === 'again') return { status: 'again' }
  if (outcome === 'posted') return { status: 'move', to: 'open' }
  return { status: 'move', to: outcome === 'reopened' ? (offersLeft > 0 ? 'offered' : 'open') : outcome }
}
