/**
 * One accepted or ignored fix, and whether hints are given where it is. A device is judged first, by the same rules,
 * and its account then follows: where the device is not believed to be the account never stands.
 */
import type { Cell } from '../geo/cell.ts'
import { countCell, type Spots, unusedCells } from './cells.ts'
import type { ReportedFix } from './fix.ts'
import type { Pace } from './pace.ts'
import type { Judged, Pause, Standing } from './standing.ts'
import { judgeFix } from './track.ts'

export type Step =
  | { status: 'accepted'; cell: Cell; paused?: Pause }
  | { status: 'ignored'; reason: 'accuracy' | 'stale' | 'jump' }

/** `spots` are those of the fix's hint cell in the owner's filter; `device` is the verdict on the device. */
export function judgeStep(
  standing: Standing,
  { fix, spots, device }: { fix: ReportedFix; spots: Spots; device?: Step | undefined },
  pace: Pace,
): Judged<Step> {
  const verdict = judgeFix(standing.track, fix, pace)
  const { track } = verdict
  if (device?.status === 'ignored') {
    // Both count how often an implausible fix is said again, so that both tracks restart with the same one.
    return { standing: verdict.status === 'refused' ? { ...standing, track } : standing, answer: device }
  }
  if (verdict.status === 'refused') {
    return { standing: { ...standing, track }, answer: { status: 'ignored', reason: verdict.reason } }
  }
  const { paused: devicePaused } = device ?? {}
  const next = arrive({ ...standing, track }, { spots, tooFast: verdict.tooFast, devicePaused }, pace)
  const paused = next.paused === undefined ? {} : { paused: next.paused }
  return { standing: next, answer: { status: 'accepted', cell: fix.cell, ...paused } }
}

/** Counts the cell of an accepted fix, but not while hints pause for speed: then nothing is learned there. */
export function arrive(
  standing: Standing,
  { spots, tooFast, devicePaused }: { spots: Spots; tooFast: boolean; devicePaused?: Pause | undefined },
  pace: Pace,
): Standing {
  if (tooFast) return { ...standing, paused: 'speed' }
  const { status, cells } = countCell(standing.cells ?? unusedCells, spots, pace)
  return { ...standing, cells, paused: status === 'paused' ? 'cells' : devicePaused }
}
