/**
 * The attacks, each a way to ask: pure, they know the oracle and nothing of who answers. All of them collect what they
 * heard; what follows from it is computed afterwards (region.ts).
 */
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { centreOf, type Observation } from './hypothesis.ts'
import type { Look, Oracle } from './oracle.ts'

export type Effort = {
  /** Directions in which borders are looked for. */
  rays: number
  /** A border is found so exactly. */
  precisionM: number
  /** The same question, so many times. */
  repeats: number
}

export type Strategy = (oracle: Oracle, start: Point, effort: Effort) => Promise<Observation[]>

/** What a band says; `here` is no farther than `hot` under every hypothesis. */
const bandM = {
  here: [0, 150],
  hot: [0, 150],
  warm: [150, 300],
  cool: [300, 500],
  absent: [500, Number.POSITIVE_INFINITY],
} as const

/** A distance that is told is told to a millimetre at best. */
const TOLD_M = 0.001

function readLook(at: Point, { band, cell, distanceM }: Look): Observation[] {
  const [minM, maxM] = distanceM === undefined ? bandM[band] : [distanceM - TOLD_M, distanceM + TOLD_M]
  return [{ at, minM, maxM }, ...(cell === undefined ? [] : [{ cell }])]
}

const fan = (count: number): number[] => Array.from({ length: count }, (_, i) => 17 + (360 * i) / count)

/** Looks from a dozen places around, and solves for the circles. */
export const trilaterate: Strategy = async (oracle, start) => {
  const places = [start, ...fan(6).map(bearingDeg => travelFrom(start, { bearingDeg, distanceM: 170 }))]
  places.push(...fan(5).map(bearingDeg => travelFrom(start, { bearingDeg, distanceM: 390 })))
  return await lookFrom(oracle, places)
}

/** Finds where each band ends, on rays, to a decimetre; being listed at all is the outermost band. */
export const bisectBands: Strategy = (oracle, start, { rays, precisionM }) =>
  alongRays({ start, rays, toM: 1_000, stepM: 75, precisionM }, async at => {
    const look = await oracle.look(at)
    return { label: look.band, heard: readLook(at, look) }
  })

/** The same with how many there are within 1 and 2 km, which reaches farther than any hint. */
export const bisectWarmth: Strategy = (oracle, start, { rays, precisionM }) =>
  alongRays({ start, rays, toM: 2_500, stepM: 160, precisionM }, async at => {
    const { within1Km, within2Km } = await oracle.look(at)
    const [nearM, farM] = [1_000, 2_000]
    const [minM, maxM] =
      within1Km !== '0' ? [0, nearM] : within2Km !== '0' ? [nearM, farM] : [farM, Number.POSITIVE_INFINITY]
    return { label: within1Km + within2Km, heard: [{ at, minM, maxM }] }
  })

/** Asks the same again and again: what is random on top of a distance averages away. */
export const average: Strategy = async (oracle, start, { repeats }) => {
  const heard: Observation[] = []
  for (const bearingDeg of fan(4)) {
    const at = travelFrom(start, { bearingDeg, distanceM: 140 })
    const looks: Look[] = []
    for (let i = 0; i < repeats; i++) looks.push(await oracle.look(at))
    const distances = looks.flatMap(({ distanceM }) => (distanceM === undefined ? [] : [distanceM]))
    // Where no distance is told, whatever differs between two answers contradicts itself, and nothing explains it.
    if (distances.length > 1) heard.push({ at, ...estimate(distances) })
    else heard.push(...looks.flatMap(look => readLook(at, look)))
  }
  return heard
}

/** Five standard errors around the mean. */
function estimate(distances: readonly number[]): { minM: number; maxM: number } {
  const mean = distances.reduce((sum, one) => sum + one, 0) / distances.length
  const variance = distances.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (distances.length - 1)
  const errorM = 5 * Math.sqrt(variance / distances.length) + TOLD_M
  return { minM: mean - errorM, maxM: mean + errorM }
}

/** A grid of standpoints over two kilometres of town, without knowing where to look. */
export const sweep: Strategy = (oracle, start) => {
  const steps = [-2, -1, 0, 1, 2]
  const grid = steps.flatMap(north =>
    steps.map(east => offset(start, { northM: 430 * north, eastM: 430 * east })),
  )
  return lookFrom(oracle, grid)
}

/** A claim or a reveal says within reach or not: the border of that disk, on rays from the inside. */
export const traceReach: Strategy = (oracle, start, effort) =>
  traceDisk(oracle, start, effort, {
    spacingM: 70,
    tell: async at => {
      const { answer, distanceM } = await oracle.ask(at)
      if (answer === 'silent') return undefined
      // Numbers in refusals are rounded to a decimetre.
      const told = distanceM === undefined ? [] : [{ at, minM: distanceM - 0.051, maxM: distanceM + 0.051 }]
      return { label: answer, heard: [{ at, isNear: answer === 'near' }, ...told] }
    },
  })

/** Hiding is refused where it is too crowded: the border of that, on rays from the inside. */
export const traceCrowd: Strategy = async (oracle, start, effort) => {
  const { cell } = await oracle.look(start)
  await oracle.crowd(cell === undefined ? start : centreOf(cell))
  return await traceDisk(oracle, start, effort, {
    spacingM: 35,
    tell: async at => {
      const isNear = await oracle.isCrowded(at)
      return { label: isNear ? 'near' : 'far', heard: [{ at, isNear }] }
    },
  })
}

type Told = { label: string; heard: Observation[] }
/** Nothing where no more is told. */
type Tell = (at: Point) => Promise<Told | undefined>

async function traceDisk(
  oracle: Oracle,
  start: Point,
  { rays, precisionM }: Effort,
  { spacingM, tell }: { spacingM: number; tell: Tell },
): Promise<Observation[]> {
  const look = await oracle.look(start)
  const heard: Observation[] = look.cell === undefined ? [] : [{ cell: look.cell }]
  for (const at of spiral(look.cell === undefined ? start : centreOf(look.cell), spacingM)) {
    const told = await tell(at)
    if (told === undefined) return heard
    heard.push(...told.heard)
    if (told.label !== 'near') continue
    return [...heard, ...(await alongRays({ start: at, rays, toM: 140, stepM: 35, precisionM }, tell))]
  }
  return heard
}

/** Rings of places, so close that a disk of their spacing holds one. */
function* spiral(centre: Point, spacingM: number): Generator<Point> {
  yield centre
  for (let ring = 1; ring * spacingM < 450; ring++) {
    for (const bearingDeg of fan(6 * ring))
      yield travelFrom(centre, { bearingDeg, distanceM: ring * spacingM })
  }
}

async function lookFrom(oracle: Oracle, places: readonly Point[]): Promise<Observation[]> {
  const heard: Observation[] = []
  for (const at of places) heard.push(...readLook(at, await oracle.look(at)))
  return heard
}

type Rays = { start: Point; rays: number; toM: number; stepM: number; precisionM: number }

/** On each ray, every change between two steps is bisected. */
async function alongRays({ start, rays, toM, stepM, precisionM }: Rays, tell: Tell): Promise<Observation[]> {
  const heard: Observation[] = []
  const hear = async (bearingDeg: number, distanceM: number): Promise<string | undefined> => {
    const told = await tell(travelFrom(start, { bearingDeg, distanceM }))
    heard.push(...(told?.heard ?? []))
    return told?.label
  }
  for (const bearingDeg of fan(rays)) {
    let before: string | undefined
    for (let distanceM = 0; distanceM <= toM; distanceM += stepM) {
      const label = await hear(bearingDeg, distanceM)
      if (label === undefined) return heard
      let [insideM, outsideM] = [distanceM - stepM, distanceM]
      while (before !== undefined && label !== before && outsideM - insideM > precisionM) {
        const middleM = (insideM + outsideM) / 2
        const found = await hear(bearingDeg, middleM)
        if (found === undefined) return heard
        if (found === before) insideM = middleM
        else outsideM = middleM
      }
      before = label
    }
  }
  return heard
}

function offset(from: Point, { northM, eastM }: { northM: number; eastM: number }): Point {
  const bearingDeg = (Math.atan2(eastM, northM) * 180) / Math.PI
  return travelFrom(from, { bearingDeg, distanceM: Math.hypot(northM, eastM) })
}
