/**
 * Posting a draft: from here on it is what it would have been if it had been posted at once, and judged like that where
 * time has passed: the expiry, the poster's position, the wallet. Its text was checked when it was kept.
 */
import type { Static } from 'typebox'
import { postDraft as postDraftOperation, type PostDraftBody } from '#protocol/rest/service-request-steps.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Answered } from './accept.ts'
import { announceChange, type Change } from './announce.ts'
import { type ChangePorts, changeIn, isFrozen } from './change.ts'
import { fund, type PostPorts, refuseFar, submit } from './post.ts'
import { refuseMinor } from './provider.ts'
import { actorOf, fundRequest, publish } from './request.ts'
import { judgeExpiry } from './rules.ts'
import { viewRequest } from './view.ts'

export type PostDraftPorts = PostPorts & ChangePorts

export type PostDraftRequest = {
  caller: PlayerCaller
  id: string
  body: Static<typeof PostDraftBody>
  idempotencyKey: string
}

/** `minors_mode`, `not_found`, the expiry, the position, what the table refuses, `frozen`, `insufficient_funds`. */
export async function postDraft(
  ports: PostDraftPorts,
  { caller, id, body, idempotencyKey: key }: PostDraftRequest,
): Promise<Answered> {
  const { clock, ledger, budgets, settings, announcer } = ports
  const nowMs = clock.nowMs()
  const judged = await judge(ports, { caller, id, body, nowMs })
  let told: Change | undefined
  const request = { tenant: `player:${caller.id}`, operation: postDraftOperation.id, key, nowMs }
  const answer = await ports.runOnce<Exclude<Answered, { code: unknown }>>(
    { ...request, body: { id, ...body } },
    async tx => {
      if (judged.status === 'refused') return judged
      const changed = await changeIn(ports, tx, {
        ...{ id, action: 'post', actorOf: one => actorOf(one, caller.id) },
        apply: async (_tx, draft) => {
          if (await isFrozen(budgets, tx, draft)) return refuse('frozen')
          const { expiresAtMs } = judged
          const posted = { ...draft, deviceId: caller.deviceId ?? draft.deviceId }
          return publish(posted, { to: await submit(ports, tx, draft, nowMs), expiresAtMs, nowMs })
        },
      })
      if (changed.status === 'refused') return changed
      const { after } = changed
      const unfunded = await fund(ledger, () => ledger.post(tx, [fundRequest(after)]))
      if (unfunded !== undefined) return unfunded
      if (changed.status === 'changed') told = changed
      return { status: 200, body: viewRequest(after, 'poster', settings.hmacSecret) }
    },
  )
  if (told !== undefined && !isRefusal(answer)) announceChange(announcer, told)
  return answer
}

type Judging = Omit<PostDraftRequest, 'idempotencyKey'> & { nowMs: number }

/** Where it is never changes, so it is read before its row is locked. */
async function judge(ports: PostDraftPorts, { caller, id, body, nowMs }: Judging) {
  const minor = refuseMinor(caller)
  if (minor !== undefined) return minor
  const draft = await ports.transact(tx => ports.record.find(tx, id))
  if (draft === undefined || draft.posterId !== caller.id) return refuse('not_found')
  const expiry = judgeExpiry(body.expiresAt, nowMs)
  if (expiry.status === 'refused') return expiry
  return (await refuseFar(ports, caller, { fix: body.fix, place: draft.place })) ?? expiry
}
