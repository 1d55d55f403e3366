/**
 * How a request gets into one provider's hands: the poster accepts an offer, or the first who takes it has it. Both are
 * decided by the row lock in PostgreSQL. For taking, a key in Redis lets one of the crowd through at a time and turns
 * the others away; it decides nothing, and whatever becomes of it, the row is right.
 */
import type { ServiceRequest as RequestAnswer } from '#protocol/rest/service-requests.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import { type Changed, type ChangePorts, change } from './change.ts'
import type { Pair, Players, RequestSettings, TakeGate } from './ports.ts'
import { refuseMinor, refuseProvider, refuseUntrusted, type TrustingPorts } from './provider.ts'
import type { AskState } from './taken.ts'
import { acceptBy, actorOf, offerIdOf } from './request.ts'
import { viewRequest } from './view.ts'

export type AcceptPorts = ChangePorts &
  TrustingPorts & { players: Players; gate: TakeGate; askState: AskState; settings: RequestSettings }

export type Answered = { status: 200; body: RequestAnswer } | Refusal

/**
 * The poster's: what the table refuses, `offer_gone` where the offer does not stand, or its provider may not now;
 * `own_request` for an offer that was made on the poster's device.
 */
export async function acceptOffer(
  ports: AcceptPorts,
  { caller, id, offerId }: { caller: PlayerCaller; id: string; offerId: string },
): Promise<Answered> {
  const { record, players, clock, settings, announcer } = ports
  const nowMs = clock.nowMs()
  const changed = await change(ports, {
    ...{ id, action: 'accept', actorOf: request => actorOf(request, caller.id) },
    apply: async (tx, request) => {
      const offer = await record.findOffer(tx, offerId)
      if (offer === undefined || offer.requestId !== id) return refuse('not_found')
      const { providerId } = offer
      const isBanned = (await players.findBanned(tx, [providerId])).has(providerId)
      if (offer.withdrawnAtMs !== null || isBanned) return refuse('offer_gone', { reason: 'withdrawn' })
      if (offer.deviceId !== null && offer.deviceId === caller.deviceId) return refuse('own_request')
      const timeScale = (await players.find(tx, providerId))?.timeScale ?? 1
      const refusal = await refuseProvider(ports, tx, {
        provider: { id: providerId, timeScale },
        request,
        nowMs,
      })
      if (refusal !== undefined) {
        return refuse('offer_gone', { reason: refusal.code === 'daily_limit' ? 'provider_limit' : 'dropped' })
      }
      await record.addAcceptance(tx, { requestId: id, providerId, nowMs })
      return { ...acceptBy(request, providerId, nowMs), offers: request.offers - 1 }
    },
  })
  if (changed.status === 'refused') return changed
  const { providerId } = changed.after
  // Accepted already, but somebody else: of two accepts at once this is the second.
  if (providerId === null || offerIdOf(id, providerId) !== offerId) {
    return refuse('wrong_state', { reason: changed.after.state })
  }
  if (changed.status === 'changed') {
    announcer.toPlayer(providerId, { type: 'offer.accepted', serviceRequestId: id, offerId })
  }
  return { status: 200, body: viewRequest(changed.after, 'poster', settings.hmacSecret) }
}

/** The first taker's: `try_again` while another one is being decided on, otherwise as the record says. */
export async function takeRequest(
  ports: AcceptPorts,
  { caller, id }: { caller: PlayerCaller; id: string },
): Promise<Answered> {
  const minor = refuseMinor(caller)
  if (minor !== undefined) return minor
  const pair = { requestId: id, providerId: caller.id }
  const turnedAway = await enterGate(ports, pair)
  if (turnedAway !== undefined) return turnedAway
  let hasTaken = false
  try {
    const taken = await take(ports, caller, id)
    hasTaken = !isRefusal(taken)
    if (taken.status === 'refused') return taken
    return { status: 200, body: viewRequest(taken.after, 'provider', ports.settings.hmacSecret) }
  } finally {
    // The row has decided: nobody waits for this, and a key that is lost costs the next one a look at the row.
    await (hasTaken ? ports.gate.confirm(pair) : ports.gate.release(pair)).catch(() => undefined)
  }
}

/** `wrong_state` where somebody has it, `try_again` while somebody is taking it. */
async function enterGate({ gate, askState }: AcceptPorts, pair: Pair): Promise<Refusal | undefined> {
  let held = await gate.reserve(pair)
  if (held.isTaken && held.holderId !== pair.providerId) {
    const state = await askState(pair.requestId)
    if (state === undefined) return refuse('not_found')
    if (state !== 'open') return refuse('wrong_state', { reason: state })
    // Given back, and the gate has not heard of it.
    await gate.release({ requestId: pair.requestId, providerId: held.holderId })
    held = await gate.reserve(pair)
  }
  return held.holderId === pair.providerId ? undefined : refuse('try_again', { retryAfterMs: 200 })
}

function take(ports: AcceptPorts, caller: PlayerCaller, id: string): Promise<Changed> {
  const { record, players, clock } = ports
  const nowMs = clock.nowMs()
  return change(ports, {
    ...{ id, action: 'take', actorOf: request => actorOf(request, caller.id) },
    apply: async (tx, request) => {
      const { priceMinor } = request
      const refusal =
        (await refuseUntrusted(ports, tx, { playerId: caller.id, priceMinor, nowMs })) ??
        (await refuseProvider(ports, tx, { provider: caller, request, nowMs }))
      if (refusal !== undefined) return refusal
      const isBanned = (await players.findBanned(tx, [caller.id])).has(caller.id)
      if (isBanned) return refuse('banned')
      await record.addAcceptance(tx, { requestId: id, providerId: caller.id, nowMs })
      return acceptBy(request, caller.id, nowMs)
    },
  })
}
