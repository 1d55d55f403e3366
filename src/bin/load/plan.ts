/**
 * Who asks for what, and when: drawn from a seed before anything is sent. Arrivals are a Poisson process, as of people
 * who know nothing of each other, and do not wait for answers: a server that falls behind is not spared.
 */
import { createDice } from '../play/dice.ts'

export const scenarios = {
  rush: 'everybody asks for one envelope',
  city: 'a hundred players at each place ask for the envelopes that lie there',
  retry: 'as city, and three replies in ten are dropped by the client, who asks again',
} as const
export type Scenario = keyof typeof scenarios

/** Indices of the player and of the envelope; `atMs` from the start. */
export type Arrival = { atMs: number; player: number; envelope: number }

export type Layout = {
  players: number
  envelopes: number
  /** Players and envelopes are dealt to the places in turn: number i is at place i modulo their count. */
  places: number
}

const PLAYERS_PER_PLACE = 100
/** Fewer than a player may win in a day. */
const ENVELOPES_PER_PLACE = 150

export function layOut(
  scenario: Scenario,
  { players, envelopes }: { players: number; envelopes: number },
): Layout {
  if (scenario === 'rush') return { players, envelopes: 1, places: 1 }
  const wanted = Math.max(Math.ceil(players / PLAYERS_PER_PLACE), Math.ceil(envelopes / ENVELOPES_PER_PLACE))
  return { players, envelopes, places: Math.min(wanted, players, envelopes) }
}

export type Plan = {
  /** The next one, each later than the one before. */
  next(): Arrival
  /** Whether this reply is dropped; drawn apart, so that answers do not change who arrives. */
  dropsReply(): boolean
}

export type PlanOptions = { scenario: Scenario; layout: Layout; ratePerS: number; seed: number }

const DROPPED = 0.3

export function createPlan({ scenario, layout, ratePerS, seed }: PlanOptions): Plan {
  const dice = createDice(seed)
  const replies = dice.fork()
  const { players, envelopes, places } = layout
  /** How many of `count` are dealt to a place. */
  const dealt = (count: number, place: number) => Math.ceil((count - place) / places)
  let atMs = 0
  return {
    next() {
      atMs += (-Math.log(1 - dice.fraction()) * 1_000) / ratePerS
      const player = dice.between(0, players - 1)
      const place = player % places
      const envelope = place + places * dice.between(0, dealt(envelopes, place) - 1)
      return { atMs, player, envelope }
    },
    dropsReply: () => scenario === 'retry' && replies.chance(DROPPED),
  }
}
