/**
 * A winner says thanks: one line for each win, checked like a greeting, once. The same line again is the same thanks,
 * so that a lost answer is asked for by saying it again; the hider hears it the first time only.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { pseudonymOf } from '../envelopes/audience.ts'
import { checkText } from '../envelopes/text.ts'
import type { Announcer } from '../realtime/announcer.ts'

/** A win that thanks may be said for. */
export type ThankableWin = {
  envelopeId: string
  hider: { kind: 'player' | 'merchant'; id: string }
  /** What was said already. */
  thanks: string | undefined
}

export type ThanksRecord = {
  findWin(tx: Tx, which: { claimId: string; playerId: string }): Promise<ThankableWin | undefined>
  /** Whether they are new: thanks that were there stay. */
  insertThanks(tx: Tx, thanks: { claimId: string; text: string; saidAtMs: number }): Promise<boolean>
}

export type ThankPorts = {
  tx: Tx
  record: ThanksRecord
  announcer: Pick<Announcer, 'toPlayer'>
  clock: Clock
  hmacSecret: string
}

export type Thanks = { playerId: string; claimId: string; text: string }

type Thanked = { status: 200; body: { claimId: string; envelopeId: string; thanks: string } }

export async function thankHider(
  { tx, record, announcer, clock, hmacSecret }: ThankPorts,
  { playerId, claimId, text: sent }: Thanks,
): Promise<Thanked | Refusal> {
  const win = await record.findWin(tx, { claimId, playerId })
  if (win === undefined) return refuse('claim_not_settled')
  const checked = checkText(sent, { maxChars: limits.claim.thanksChars })
  if (checked.status === 'refused') {
    return refuse('thanks_refused', { reason: 'text_refused', detail: `text ${checked.detail}` })
  }
  const { text } = checked
  const { envelopeId, hider } = win
  const isNew =
    win.thanks === undefined && (await record.insertThanks(tx, { claimId, text, saidAtMs: clock.nowMs() }))
  const said = isNew ? text : (win.thanks ?? (await record.findWin(tx, { claimId, playerId }))?.thanks)
  if (said !== text) return refuse('thanks_refused', { reason: 'said_already' })
  if (isNew && hider.kind === 'player') {
    const winner = pseudonymOf(hmacSecret, { envelopeId, hider, playerId })
    announcer.toPlayer(hider.id, { type: 'envelope.thanked', envelopeId, claimId, winner, text })
  }
  return { status: 200, body: { claimId, envelopeId, thanks: text } }
}
