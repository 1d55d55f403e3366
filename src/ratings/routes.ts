/** Ratings over HTTP. */
import {
  getReputation as reputationOperation,
  listRatings as listOperation,
  rateServiceRequest,
} from '#protocol/rest/ratings.ts'
import type { Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import { getReputation, listRatings } from './look.ts'
import { type RatePorts, rateOther } from './rate.ts'

export function registerRatingRoutes(bind: Bind<Caller>, ports: RatePorts): void {
  bind(rateServiceRequest, ({ caller, params, body }) => rateOther(ports, { caller, id: params.id, ...body }))
  bind(listOperation, ({ caller, params }) => listRatings(ports, { caller, id: params.id }))
  bind(reputationOperation, ({ caller }) => getReputation(ports, { caller }))
}
