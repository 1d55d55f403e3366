/** Counts what happens on a walk, for the report at its end. */
import { measureM } from '../../geo/distance.ts'
import type { Fix } from './fixes.ts'
import type { WalkEvent, WalkReport } from './walk-event.ts'

export type Tally = {
  note(event: WalkEvent): void
  /** A fix that counts. */
  move(fix: Fix, options: { isPaused: boolean }): void
  report(): Omit<WalkReport, 'fixes' | 'recordedMs' | 'tookMs' | 'unsettled' | 'wins'>
}

export function createTally(): Tally {
  const ignored: Record<string, number> = {}
  const refusals: Record<string, number> = {}
  const seen = new Set<string>()
  let [pausedFixes, distanceM, tries] = [0, 0, 0]
  let last: Fix | undefined

  const count = (counts: Record<string, number>, name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1
  }

  return {
    note(event) {
      if (event.type === 'hint') seen.add(event.hint.envelopeId)
      if (event.type === 'ignored') count(ignored, event.reason)
      if (event.type === 'refused') count(refusals, event.reason ?? event.code)
      if (event.type === 'refused' || event.type === 'won') tries++
    },
    move(fix, { isPaused }) {
      if (last !== undefined) distanceM += measureM(last, fix)
      last = fix
      if (isPaused) pausedFixes++
    },
    report: () => ({ ignored, pausedFixes, distanceM, envelopesSeen: seen.size, tries, refusals }),
  }
}
