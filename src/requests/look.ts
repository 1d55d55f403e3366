/** Looking: one request, the lists of one's own, offers, and the operator's list. */
import type { Static } from 'typebox'
import {
  listOffers as listOffersOperation,
  listServiceRequestsByState,
} from '#protocol/rest/service-request-steps.ts'
import {
  listOwnServiceRequests,
  listTakenServiceRequests,
  type Offer as OfferAnswer,
  type OperatorServiceRequest,
  type ServiceRequest as RequestAnswer,
} from '#protocol/rest/service-requests.ts'
import type { Clock } from '#platform/clock.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Answered } from './accept.ts'
import type { Reputations, RequestRecord, RequestSettings } from './ports.ts'
import { refuseMinor } from './provider.ts'
import type { ServiceRequest } from './request.ts'
import { isPublic, type RequestState } from './state.ts'
import { roleOf, viewForOperator, viewOffer, viewRequest } from './view.ts'

export type LookPorts = {
  tx: Tx
  record: RequestRecord
  reputations: Reputations
  clock: Clock
  settings: RequestSettings
}

type Query = { limit?: string; cursor?: string }
type Listed<I> = { status: 200; body: ReturnType<typeof toPage<unknown, I>> } | Refusal
type Asked = { caller: PlayerCaller; query: Query }

/** `not_found` to others once it is not open any more: an id alone tells nothing; `minors_mode` while it is. */
export async function getRequest(
  { tx, record, reputations, clock, settings }: LookPorts,
  { caller, id }: { caller: PlayerCaller; id: string },
): Promise<Answered> {
  const request = await record.find(tx, id)
  if (request === undefined) return refuse('not_found')
  const role = roleOf(request, caller.id)
  if (role === 'other') {
    if (!isPublic(request.state)) return refuse('not_found')
    const minor = refuseMinor(caller)
    if (minor !== undefined) return minor
  }
  const rated = async (as: 'poster' | 'provider', playerId: string) =>
    (await reputations.summarise(tx, { playerIds: [playerId], as, nowMs: clock.nowMs() })).get(playerId)
  const { posterId, providerId } = request
  const posterRating = await rated('poster', posterId)
  const providerRating =
    role === 'other' || providerId === null ? undefined : await rated('provider', providerId)
  return {
    status: 200,
    body: {
      ...viewRequest(request, role, settings.hmacSecret),
      ...(posterRating !== undefined && { posterRating }),
      ...(providerRating !== undefined && { providerRating }),
    },
  }
}

export const listOwnRequests = (ports: LookPorts, asked: Asked): Promise<Listed<RequestAnswer>> =>
  listMine(ports, asked, {
    path: listOwnServiceRequests.path,
    role: 'poster',
    list: ports.record.listOwn,
    atMsOf: ({ createdAtMs }) => createdAtMs,
  })

export const listTakenRequests = (ports: LookPorts, asked: Asked): Promise<Listed<RequestAnswer>> =>
  listMine(ports, asked, {
    path: listTakenServiceRequests.path,
    role: 'provider',
    list: ports.record.listTaken,
    atMsOf: ({ acceptedAtMs }) => acceptedAtMs ?? 0,
  })

type Mine = {
  path: string
  role: 'poster' | 'provider'
  list: RequestRecord['listOwn']
  /** What the list is ordered by. */
  atMsOf: (request: ServiceRequest) => number
}

async function listMine(
  { tx, settings }: LookPorts,
  { caller, query }: Asked,
  { path, role, list, atMsOf }: Mine,
): Promise<Listed<RequestAnswer>> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  const requests = await list(tx, caller.id, page)
  return {
    status: 200,
    body: toPage(
      requests,
      { path, limit: page.limit },
      {
        item: request => viewRequest(request, role, settings.hmacSecret),
        key: (request: ServiceRequest) => ({ atMs: atMsOf(request), id: request.id }),
      },
    ),
  }
}

/** For the poster alone. */
export async function listOffers(
  { tx, record, reputations, clock, settings }: LookPorts,
  { caller, id, query }: Asked & { id: string },
): Promise<Listed<Static<typeof OfferAnswer>>> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  const request = await record.find(tx, id)
  if (request === undefined || request.posterId !== caller.id) return refuse('not_found')
  const offers = await record.listOffers(tx, id, page)
  const playerIds = offers.map(({ providerId }) => providerId)
  const rated = await reputations.summarise(tx, { playerIds, as: 'provider', nowMs: clock.nowMs() })
  const path = listOffersOperation.path.replace('{id}', id)
  return {
    status: 200,
    body: toPage(
      offers,
      { path, limit: page.limit },
      {
        item(offer) {
          const rating = rated.get(offer.providerId)
          return {
            ...viewOffer(offer, request, settings.hmacSecret),
            ...(rating !== undefined && { rating }),
          }
        },
        key: ({ createdAtMs, id: offerId }) => ({ atMs: createdAtMs, id: offerId }),
      },
    ),
  }
}

export async function listByState(
  { tx, record, settings }: LookPorts,
  { query: { state = 'disputed', ...query } }: { query: Query & { state?: RequestState } },
): Promise<Listed<Static<typeof OperatorServiceRequest>>> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  const requests = await record.listByState(tx, state, page)
  const request = { path: listServiceRequestsByState.path, limit: page.limit, filter: { state } }
  return {
    status: 200,
    body: toPage(requests, request, {
      item: one => viewForOperator(one, settings.hmacSecret),
      key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
    }),
  }
}
