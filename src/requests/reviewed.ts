/** What becomes of a service request when its text is judged: it is shown, held back, or over and paid back. */
import type { Subject } from '../reviews/subject.ts'
import { openGate } from './act.ts'
import { announceChange } from './announce.ts'
import { type ChangePorts, changeIn } from './change.ts'
import type { TakeGate } from './ports.ts'
import { end, hold, reopen } from './request.ts'
import { type Action, isPublic } from './state.ts'

export type ReviewedPorts = ChangePorts & { gate: Pick<TakeGate, 'release'> }

const actionOf = { shown: 'release', hidden: 'hold', rejected: 'reject' } as const satisfies Record<
  string,
  Action
>

/** A request that is past being judged stays as it is: the two whom it concerns have agreed, or it is over. */
export const createReviewedRequests = (ports: ReviewedPorts): Subject => ({
  async lock(tx, { id }) {
    const request = await ports.record.lock(tx, id)
    return request !== undefined && isPublic(request.state)
  },

  async become(tx, { id, fate, nowMs }) {
    const changed = await changeIn(ports, tx, {
      ...{ id, action: actionOf[fate], actorOf: () => 'review' },
      apply: async (_tx, request, to) => {
        if (fate === 'hidden') return hold(request)
        if (fate === 'shown') return reopen(request, to, nowMs)
        return end(request, { to: 'cancelled', paidMinor: 0n, nowMs })
      },
    })
    if (changed.status !== 'changed') return () => {}
    return () => {
      announceChange(ports.announcer, changed)
      void openGate(ports, changed.before)
    }
  },
})
