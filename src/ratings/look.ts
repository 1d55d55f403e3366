/** What each of the two is told of the ratings of a service request, and what others are told of a player. */
import type { Static } from 'typebox'
import type {
  getReputation as reputationOperation,
  listRatings as listOperation,
} from '#protocol/rest/ratings.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { RatePorts } from './rate.ts'
import { findSeat, listTold, tellsAtMsOf, viewRating } from './rating.ts'

type Listed = { status: 200; body: Static<(typeof listOperation.answers)[200]> } | Refusal
type Told = { status: 200; body: Static<(typeof reputationOperation.answers)[200]> }

export async function listRatings(
  { tx, record, requests, clock }: RatePorts,
  { caller, id }: { caller: PlayerCaller; id: string },
): Promise<Listed> {
  const request = await requests.find(tx, id)
  const seat = request && findSeat(request, caller.id)
  if (request === undefined || seat === undefined) return refuse('not_found')
  const told = listTold(await record.list(tx, id), seat.side, clock.nowMs())
  const tellsAtMs = tellsAtMsOf(request)
  const toldAt = tellsAtMs === undefined ? {} : { toldAt: toTimestamp(tellsAtMs) }
  return { status: 200, body: { items: told.map(viewRating), ...toldAt } }
}

export async function getReputation(
  { tx, record, clock }: Pick<RatePorts, 'tx' | 'record' | 'clock'>,
  { caller }: { caller: PlayerCaller },
): Promise<Told> {
  const summarise = async (as: 'poster' | 'provider') =>
    (await record.summarise(tx, { playerIds: [caller.id], as, nowMs: clock.nowMs() })).get(caller.id) ?? {
      count: 0,
    }
  return {
    status: 200,
    body: { asPoster: await summarise('poster'), asProvider: await summarise('provider') },
  }
}
