/** Areas in which nobody hides, by the operator: homes, schools, rail, military. */
import type { Area } from '#protocol/rest/areas.ts'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { checkText } from '../envelopes/text.ts'
import type { Point } from '../geo/point.ts'
import type { NoteAction } from '../operator/action.ts'
import { type AreaRecord, refuseGeometry, refuseShape } from './area.ts'

export type Exclusion = { id: string; name: string; area: Area; createdAtMs: number }

export type ExclusionRecord = {
  addExclusion(tx: Tx, exclusion: Exclusion): Promise<void>
  /** Newest first, one more than the page. */
  listExclusions(tx: Tx, page: PageRequest): Promise<Exclusion[]>
  /** As it was; nothing where there is none any more. */
  removeExclusion(tx: Tx, which: { id: string; nowMs: number }): Promise<Exclusion | undefined>
  /** Those of the points that lie in one, or outside of `area`. */
  findExcluding(
    tx: Tx,
    points: readonly Point[],
    area?: Area,
  ): Promise<{ index: number; isOutside: boolean }[]>
  /** What an area leaves to hide in. */
  subtractExclusions(tx: Tx, area: Area): Promise<{ area: Area; areaM2: number }>
}

export type ExclusionPorts = {
  areas: AreaRecord & ExclusionRecord
  noteAction: NoteAction
  clock: Clock
  random: Random
}

/** A district may be excluded as a whole, so it may be larger than a campaign. */
const mostM2 = 1_000_000_000

export async function addExclusion(
  ports: ExclusionPorts,
  tx: Tx,
  sent: { name: string; area: Area; reason: string },
): Promise<{ status: 'added'; exclusion: Exclusion } | Refusal> {
  const { areas, noteAction, clock } = ports
  const { area, reason } = sent
  const name = checkText(sent.name, { maxChars: limits.campaign.nameChars, allowContact: true })
  if (name.status === 'refused')
    return refuse('campaign_refused', { reason: 'text_refused', detail: name.detail })
  const refusal =
    refuseShape(area, { vertices: limits.campaign.mostVertices }) ??
    (await refuseGeometry(areas, tx, { area, mostM2 }))
  if (refusal !== undefined) return refusal
  const exclusion = { id: createId(ports), name: name.text, area, createdAtMs: clock.nowMs() }
  await areas.addExclusion(tx, exclusion)
  const target = { exclusionAreaId: exclusion.id }
  await noteAction(tx, { actor: 'operator', action: 'exclude', target, reason, atMs: exclusion.createdAtMs })
  return { status: 'added', exclusion }
}

export async function removeExclusion(
  { areas, noteAction, clock }: ExclusionPorts,
  tx: Tx,
  id: string,
): Promise<{ status: 'removed'; exclusion: Exclusion } | Refusal> {
  const nowMs = clock.nowMs()
  const exclusion = await areas.removeExclusion(tx, { id, nowMs })
  if (exclusion === undefined) return refuse('not_found')
  const what = { actor: 'operator', action: 'lift_exclusion', target: { exclusionAreaId: id } } as const
  await noteAction(tx, { ...what, reason: exclusion.name, atMs: nowMs })
  return { status: 'removed', exclusion }
}
