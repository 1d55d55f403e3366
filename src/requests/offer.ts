/** Offers, where the poster chooses: one for each provider and request, made, withdrawn for good, or accepted. */
import assert from 'node:assert/strict'
import type { Offer as OfferAnswer } from '#protocol/rest/service-requests.ts'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import { type ChangePorts, change } from './change.ts'
import type { RequestSettings } from './ports.ts'
import { refuseMinor, refuseProvider, refuseUntrusted, type TrustingPorts } from './provider.ts'
import { actorOf, type Offer, offerIdOf } from './request.ts'
import { readText } from './rules.ts'
import { nameProvider, viewOffer } from './view.ts'

export type OfferPorts = ChangePorts & TrustingPorts & { settings: RequestSettings }

type Answered = { status: 200; body: Static<typeof OfferAnswer> } | Refusal
type OfferRequest = { caller: PlayerCaller; id: string; note: string | undefined }

/**
 * `minors_mode`, `request_refused` text_refused, what the table refuses, `trust_needed`, `own_request` from the
 * poster's device, `offer_gone` where it was withdrawn or the request dropped before, `daily_limit`, `request_limit`
 * offers.
 */
export async function makeOffer(
  ports: OfferPorts,
  { caller, id, note: raw }: OfferRequest,
): Promise<Answered> {
  const { record, clock, settings, announcer } = ports
  const minor = refuseMinor(caller)
  if (minor !== undefined) return minor
  const note = readText('note', raw)
  if (isRefusal(note)) return note
  const nowMs = clock.nowMs()
  const offerId = offerIdOf(id, caller.id)
  const outcome: { offer?: Offer; isNew: boolean } = { isNew: false }
  const changed = await change(ports, {
    ...{ id, action: 'offer', actorOf: request => actorOf(request, caller.id) },
    apply: async (tx, request, to) => {
      const known = await record.findOffer(tx, offerId)
      if (known !== undefined) {
        outcome.offer = known
        return known.withdrawnAtMs === null ? request : refuse('offer_gone', { reason: 'withdrawn' })
      }
      const { priceMinor } = request
      const refusal =
        (await refuseUntrusted(ports, tx, { playerId: caller.id, priceMinor, nowMs })) ??
        (await refuseProvider(ports, tx, { provider: caller, request, nowMs }))
      if (refusal !== undefined) return refusal
      if (request.offers >= limits.serviceRequest.offers) return refuse('request_limit', { reason: 'offers' })
      outcome.isNew = true
      outcome.offer = await record.offer(tx, {
        ...{ id: offerId, requestId: id, providerId: caller.id, note: note.text ?? null },
        ...{ deviceId: caller.deviceId ?? null, createdAtMs: nowMs, withdrawnAtMs: null },
      })
      return { ...request, state: to, offers: request.offers + 1 }
    },
  })
  if (changed.status === 'refused') return changed
  const request = changed.after
  const { offer, isNew } = outcome
  assert(offer, 'an offer that was not refused was made')
  if (isNew) {
    announcer.toPlayer(request.posterId, {
      ...{ type: 'offer.made', serviceRequestId: id, offerId },
      provider: nameProvider(settings.hmacSecret, request, caller.id),
      ...(offer.note !== null && { note: offer.note }),
    })
  }
  return { status: 200, body: viewOffer(offer, request, settings.hmacSecret) }
}

/** What the table refuses; `not_found` without an offer; the same again where it is withdrawn already. */
export async function withdrawOffer(
  ports: OfferPorts,
  { caller, id }: { caller: PlayerCaller; id: string },
): Promise<Answered> {
  const { record, clock, settings, announcer, transact } = ports
  const nowMs = clock.nowMs()
  const offerId = offerIdOf(id, caller.id)
  const known = await transact(tx => record.findOffer(tx, offerId))
  const isRepeated = known !== undefined && known.withdrawnAtMs !== null
  if (isRepeated) {
    const request = await transact(tx => record.find(tx, id))
    if (request !== undefined) return { status: 200, body: viewOffer(known, request, settings.hmacSecret) }
  }
  const changed = await change(ports, {
    ...{ id, action: 'withdraw', actorOf: request => actorOf(request, caller.id) },
    apply: async (tx, request, to) => {
      const offer = await record.findOffer(tx, offerId)
      if (offer === undefined || offer.withdrawnAtMs !== null) return refuse('not_found')
      await record.withdrawOffer(tx, { requestId: id, providerId: caller.id, nowMs })
      return { ...request, state: to, offers: request.offers - 1 }
    },
  })
  if (changed.status === 'refused') return changed
  const request = changed.after
  announcer.toPlayer(request.posterId, { type: 'offer.withdrawn', serviceRequestId: id, offerId })
  if (known === undefined) return refuse('not_found')
  const withdrawn = { ...known, withdrawnAtMs: nowMs }
  return { status: 200, body: viewOffer(withdrawn, request, settings.hmacSecret) }
}
