/** Raising the price: more money into the escrow, under an Idempotency-Key, until the provider is paid. */
import { limits } from '#protocol/limits.ts'
import { topUpServiceRequest } from '#protocol/rest/service-request-steps.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Answered } from './accept.ts'
import { announceChange, type Change } from './announce.ts'
import { type ChangePorts, changeIn, isFrozen } from './change.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { RequestSettings } from './ports.ts'
import { fund } from './post.ts'
import { actorOf, fundTopUp, topUp } from './request.ts'
import { broken, refusePrice } from './rules.ts'
import { viewRequest } from './view.ts'

export type TopUpPorts = ChangePorts & { runOnce: RunOnce; settings: RequestSettings }

export type TopUpRequest = {
  caller: PlayerCaller
  id: string
  amount: { amountMinor: string; currency: string }
  idempotencyKey: string
}

/** What the table refuses, then `request_limit`, `request_refused`, `frozen`, `insufficient_funds`. */
export async function topUpRequest(
  ports: TopUpPorts,
  { caller, id, amount, idempotencyKey: key }: TopUpRequest,
): Promise<Answered> {
  const { clock, ledger, budgets, settings, announcer } = ports
  const nowMs = clock.nowMs()
  const amountMinor = BigInt(amount.amountMinor)
  let told: Change | undefined
  const request = { tenant: `player:${caller.id}`, operation: topUpServiceRequest.id, key, nowMs }
  // The request is part of it: the same key and amount for another one is another request.
  const answer = await ports.runOnce<Exclude<Answered, { code: unknown }>>(
    { ...request, body: { id, amount } },
    async tx => {
      const changed = await changeIn(ports, tx, {
        ...{ id, action: 'top_up', actorOf: one => actorOf(one, caller.id) },
        apply: async (_tx, one) => {
          if (one.topUps >= limits.serviceRequest.topUps)
            return refuse('request_limit', { reason: 'top_ups' })
          if (amount.currency !== one.currency) return broken('currency_unknown')
          const raised = topUp(one, amountMinor)
          const refusal = refusePrice(raised.priceMinor)
          if (refusal !== undefined) return refusal
          return (await isFrozen(budgets, tx, one)) ? refuse('frozen') : raised
        },
      })
      if (changed.status === 'refused') return changed
      const { after } = changed
      const unfunded = await fund(ledger, () => ledger.post(tx, [fundTopUp(after, amountMinor, nowMs)]))
      if (unfunded !== undefined) return unfunded
      if (changed.status === 'changed') told = changed
      return { status: 200, body: viewRequest(after, 'poster', settings.hmacSecret) }
    },
  )
  if (told !== undefined && !isRefusal(answer)) announceChange(announcer, told)
  return answer
}
