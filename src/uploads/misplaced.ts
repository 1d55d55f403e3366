/** Given places that lie where nobody hides, told one by one: some thousand at a time, so that no statement is long. */
import { limits } from '#protocol/limits.ts'
import type { Area } from '#protocol/rest/areas.ts'
import type { Tx } from '#platform/postgres.ts'
import type { ExclusionRecord } from '../areas/exclusion.ts'
import type { Places } from '../geo/places.ts'

export type Fault = { index: number; message: string }

const atOnce = 2_000

/** At most as many as are told; the rest is not looked for. */
export async function findMisplaced(
  areas: Pick<ExclusionRecord, 'findExcluding'>,
  tx: Tx,
  { places: { lngs, lats }, area }: { places: Places; area: Area },
): Promise<Fault[]> {
  const faults: Fault[] = []
  for (let from = 0; from < lngs.length && faults.length < limits.upload.errors; from += atOnce) {
    const points = [...lngs.subarray(from, from + atOnce)].map((lng, i) => ({
      lng,
      lat: lats[from + i] ?? 0,
    }))
    for (const { index, isOutside } of await areas.findExcluding(tx, points, area)) {
      const message = isOutside ? 'lies outside of the campaign' : 'lies in an exclusion area'
      faults.push({ index: from + index, message })
    }
  }
  return faults
}

/** In their order, as many as help. */
export const listFaults = (faults: readonly Fault[], pointer: (index: number) => string) =>
  faults
    .toSorted((a, b) => a.index - b.index)
    .slice(0, limits.upload.errors)
    .map(({ index, message }) => ({ pointer: pointer(index), message }))
