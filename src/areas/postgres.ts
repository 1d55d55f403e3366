/** Areas as PostGIS sees them, and the table of those in which nobody hides. */
import assert from 'node:assert/strict'
import type { Area } from '#protocol/rest/areas.ts'
import { keysetParams, type PageRequest } from '#platform/page.ts'
import { loadStatements, type Row, type Tx } from '#platform/postgres.ts'
import type { Point } from '../geo/point.ts'
import type { AreaRecord } from './area.ts'
import type { Exclusion, ExclusionRecord } from './exclusion.ts'

const sql = loadStatements(import.meta.url, [
  'survey-area',
  'add-exclusion',
  'list-exclusions',
  'remove-exclusion',
  'find-excluding',
  'subtract-exclusions',
])

type SurveyRow = { is_valid: boolean; is_oriented: boolean; area_m2: number; is_covered: boolean }

export const areaRecord: AreaRecord & ExclusionRecord = {
  async survey(tx, area, merchantId) {
    const [row] = await tx.query<SurveyRow>(sql['survey-area'], [JSON.stringify(area), merchantId ?? null])
    assert(row, 'a survey is one row')
    return {
      ...{ isValid: row.is_valid, isOriented: row.is_oriented },
      ...{ areaM2: row.area_m2, isCovered: row.is_covered },
    }
  },

  async addExclusion(tx, { id, name, area, createdAtMs }) {
    await tx.query(sql['add-exclusion'], [id, name, JSON.stringify(area), new Date(createdAtMs)])
  },

  async listExclusions(tx: Tx, page: PageRequest) {
    return (await tx.query<ExclusionRow>(sql['list-exclusions'], keysetParams(page))).map(readExclusion)
  },

  async removeExclusion(tx, { id, nowMs }) {
    const [row] = await tx.query<ExclusionRow>(sql['remove-exclusion'], [id, new Date(nowMs)])
    return row && readExclusion(row)
  },

  async findExcluding(tx, points: readonly Point[], area?: Area) {
    const params = [points.map(p => p.lng), points.map(p => p.lat), area ? JSON.stringify(area) : null]
    const rows = await tx.query<{ place: number; is_outside: boolean }>(sql['find-excluding'], params)
    return rows.map(row => ({ index: row.place, isOutside: row.is_outside }))
  },

  async subtractExclusions(tx, area) {
    const params = [JSON.stringify(area)]
    const [row] = await tx.query<{ area: Area; area_m2: number }>(sql['subtract-exclusions'], params)
    assert(row, 'a difference is one row')
    return { area: row.area, areaM2: row.area_m2 }
  },
}

type ExclusionRow = Row & { id: string; name: string; area: Area; created_at: Date }

const readExclusion = ({ id, name, area, created_at }: ExclusionRow): Exclusion => ({
  ...{ id, name, area },
  createdAtMs: created_at.getTime(),
})
