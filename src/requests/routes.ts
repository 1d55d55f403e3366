/** Service requests over HTTP; the list of those around a player is answered from the live index. */
import {
  acceptOffer,
  cancelServiceRequest,
  confirmServiceRequest,
  deliverServiceRequest,
  disputeServiceRequest,
  listOffers,
  listServiceRequestsByState,
  offerOnServiceRequest,
  postDraft,
  removeServiceRequest,
  splitServiceRequest,
  takeServiceRequest,
  topUpServiceRequest,
  withdrawOffer,
} from '#protocol/rest/service-request-steps.ts'
import {
  getServiceRequest,
  listOwnServiceRequests,
  listServiceRequests,
  listTakenServiceRequests,
  postServiceRequest,
} from '#protocol/rest/service-requests.ts'
import { getDuty, setDuty } from '#protocol/rest/duty.ts'
import { answer, type Bind } from '#platform/http.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { type AroundPorts, listAround } from './around.ts'
import type { Duty } from './duty.ts'
import type { ServiceRequests } from './requests.ts'

export function registerServiceRequestRoutes(
  bind: Bind<Caller>,
  { requests, ...around }: AroundPorts & { requests: ServiceRequests },
): void {
  bind(listServiceRequests, ({ caller, query }) => listAround(around, { caller, ...query }))
  bind(postServiceRequest, ({ caller, body, idempotencyKey }) =>
    requests.post({ caller, body, idempotencyKey }),
  )
  bind(listOwnServiceRequests, ({ caller, query }) => requests.listOwn({ caller, query }))
  bind(listTakenServiceRequests, ({ caller, query }) => requests.listTaken({ caller, query }))
  bind(getServiceRequest, ({ caller, params }) => requests.get({ caller, id: params.id }))
  bindProviders(bind, requests)
  bindPosters(bind, requests)

  bind(listServiceRequestsByState, ({ query }) => requests.listByState({ query }))
  bind(splitServiceRequest, ({ params, body, idempotencyKey }) =>
    requests.split({ id: params.id, ...body, idempotencyKey }),
  )
  bind(removeServiceRequest, ({ params, body }) => requests.remove({ id: params.id, reason: body.reason }))
}

const describeDuty = ({ isOnDuty: onDuty, ...more }: Duty) => ({ onDuty, ...more })

function bindProviders(bind: Bind<Caller>, requests: ServiceRequests): void {
  bind(getDuty, async ({ caller }) => answer(200, describeDuty(await requests.findDuty(caller))))
  bind(setDuty, async ({ caller, body: { onDuty: isOnDuty, ...more } }) => {
    const set = await requests.setDuty({ caller, duty: { isOnDuty, ...more } })
    return isRefusal(set) ? set : answer(200, describeDuty(set.duty))
  })
  bind(offerOnServiceRequest, ({ caller, params, body }) =>
    requests.offer({ caller, id: params.id, note: body.note }),
  )
  bind(withdrawOffer, ({ caller, params }) => requests.withdraw({ caller, id: params.id }))
  bind(takeServiceRequest, ({ caller, params }) => requests.take({ caller, id: params.id }))
  bind(deliverServiceRequest, ({ caller, params }) => requests.deliver({ caller, id: params.id }))
}

function bindPosters(bind: Bind<Caller>, requests: ServiceRequests): void {
  bind(listOffers, ({ caller, params, query }) => requests.listOffers({ caller, id: params.id, query }))
  bind(acceptOffer, ({ caller, params, body }) =>
    requests.accept({ caller, id: params.id, offerId: body.offerId }),
  )
  bind(confirmServiceRequest, ({ caller, params }) => requests.confirm({ caller, id: params.id }))
  bind(disputeServiceRequest, ({ caller, params, body }) =>
    requests.dispute({ caller, id: params.id, reason: body.reason }),
  )
  bind(postDraft, ({ caller, params, body, idempotencyKey }) =>
    requests.postDraft({ caller, id: params.id, body, idempotencyKey }),
  )
  bind(cancelServiceRequest, ({ caller, params }) => requests.cancel({ caller, id: params.id }))
  bind(topUpServiceRequest, ({ caller, params, body, idempotencyKey }) =>
    requests.topUp({ caller, id: params.id, amount: body.amount, idempotencyKey }),
  )
}
