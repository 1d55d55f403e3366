/** What happens on a walk, for whoever tells it. */
import type { Static } from 'typebox'
import type { ErrorCode } from '#protocol/errors.ts'
import type { Claim } from '#protocol/rest/claims.ts'
import type { HintItem, ServerFrame } from '#protocol/ws/server.ts'
import type { Fix } from './fixes.ts'

type Gone = Extract<ServerFrame, { type: 'gone' }>
type Warmth = Extract<ServerFrame, { type: 'warmth' }>
type Band = HintItem['band']

/** A win; where it lay is known once it is settled. */
export type Win = Omit<Static<typeof Claim>, 'status' | 'place'> &
  Partial<Pick<Static<typeof Claim>, 'place'>>

export type WalkEvent =
  /** `before`: the band of the same envelope until now; nothing where it is new. */
  | { type: 'hint'; hint: HintItem; before: Band | undefined }
  | { type: 'gone'; envelopeId: string; reason: Gone['reason'] }
  | { type: 'warmth'; within1Km: Warmth['within1Km']; within2Km: Warmth['within2Km'] }
  | { type: 'ignored'; reason: string }
  | { type: 'paused' | 'resumed' | 'reconnected' }
  | {
      type: 'refused'
      envelopeId: string
      code: ErrorCode
      reason?: string | undefined
      figures?: Record<string, number> | undefined
    }
  | { type: 'pending'; envelopeId: string }
  | { type: 'won'; win: Win }

export type Listener = (event: WalkEvent, fix: Fix) => void

/** What a walk came to. Refusals are counted by code, or by reason where the code has any. */
export type WalkReport = {
  fixes: number
  ignored: Readonly<Record<string, number>>
  /** Fixes that counted while the player was too fast. */
  pausedFixes: number
  distanceM: number
  /** On the walk's clock, and on ours. */
  recordedMs: number
  tookMs: number
  envelopesSeen: number
  tries: number
  refusals: Readonly<Record<string, number>>
  wins: readonly Win[]
  /** Claims that were promised an answer and got none. */
  unsettled: number
}
