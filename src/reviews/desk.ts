/**
 * Where texts are handed in: in the transaction that makes what they belong to, so that there is no text without a
 * review and no review without a text. What is held is seen by nobody but its author until a reviewer releases it.
 */
import { limits } from '#protocol/limits.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Trust } from '../trust/trust.ts'
import { judgeByPolicy } from './policy.ts'
import { dueAtMsOf, moveTo, type ReviewRecord, reviewIdOf, type SubjectRef } from './review.ts'
import { decide } from './state.ts'
import { suspect } from './words.ts'

export type DeskPorts = {
  record: ReviewRecord
  trustOf: (tx: Tx, who: { playerId: string; nowMs: number }) => Promise<Trust>
  isSandbox: boolean
}

export type Submission = SubjectRef & { authorId: string; lines: readonly string[]; nowMs: number }

export type ReviewDesk = {
  /** Whether it has to wait for a reviewer. */
  submit(tx: Tx, submission: Submission): Promise<{ isHeld: boolean }>
  /** What it belongs to is over: whoever would have judged it need not. */
  withdraw(tx: Tx, which: SubjectRef & { nowMs: number }): Promise<void>
}

export function createReviewDesk({ record, trustOf, isSandbox }: DeskPorts): ReviewDesk {
  /** The same errand over and over is an advert for oneself; the same wish on many envelopes is a custom. */
  async function isFlooding(tx: Tx, { kind, authorId, lines, nowMs }: Submission): Promise<boolean> {
    const { sameRequests, sameWithinMs } = limits.review
    if (isSandbox || kind !== 'service_request') return false
    const sinceMs = nowMs - sameWithinMs
    return (await record.countSame(tx, { authorId, kind, lines, sinceMs })) >= sameRequests
  }

  return {
    async submit(tx, submission) {
      const { kind, subjectId, authorId, lines, nowMs } = submission
      const suspicion = suspect(lines) ?? ((await isFlooding(tx, submission)) ? 'flooding' : null)
      const trust = isSandbox ? 0 : await trustOf(tx, { playerId: authorId, nowMs })
      const verdict = judgeByPolicy(kind, { trust, isSuspicious: suspicion !== null, isSandbox })
      const state = verdict === 'hold' ? 'held' : 'released'
      const id = reviewIdOf({ kind, subjectId })
      await record.insert(tx, {
        ...{ id, kind, subjectId, authorId, lines, suspicion, state },
        ...{ reason: null, decidedBy: null, reports: 0, appeal: null },
        ...{ dueAtMs: dueAtMsOf(kind, state, nowMs), createdAtMs: nowMs, judgedAtMs: nowMs },
      })
      await record.note(tx, {
        ...{ reviewId: id, actorKind: 'policy', actor: null, action: 'submit' },
        ...{ from: null, to: state, reason: suspicion, atMs: nowMs },
      })
      return { isHeld: state === 'held' }
    },

    async withdraw(tx, { nowMs, ...subject }) {
      const review = await record.lock(tx, reviewIdOf(subject))
      if (review === undefined) return
      const decision = decide({ state: review.state, actor: 'subject', action: 'withdraw' })
      if (decision.status !== 'move') return
      await record.store(tx, moveTo(review, decision.to, nowMs))
      await record.note(tx, {
        ...{ reviewId: review.id, actorKind: 'author', actor: review.authorId },
        ...{ action: 'withdraw', from: review.state, to: decision.to, reason: null, atMs: nowMs },
      })
    },
  }
}
