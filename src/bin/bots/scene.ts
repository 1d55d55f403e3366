/** Everything that has to be at the server before bots set out: an envelope at each spot, and an account for each. */
import type { Point } from '../../geo/point.ts'
import { type Claimant, hideAt, signUpAt, type Stage } from '../load/stage.ts'

export type Scene = Stage & {
  spots: readonly Point[]
  claimants: readonly Claimant[]
  /** `undefined`: the envelope is somebody else's. */
  spotOf(envelopeId: string): number | undefined
  idOf(spot: number): string
}

export type SceneOptions = {
  url: string
  merchantKey: string
  spots: readonly Point[]
  bots: number
  pace: number
  livesMs: number
  say: (line: string) => void
}

/** A share for every bot, so that nobody's luck depends on who came first. */
export async function setScene(options: SceneOptions): Promise<Scene> {
  const { url, merchantKey, spots, bots, pace, livesMs, say } = options
  say(`${spots.length} envelopes are hidden`)
  const targets = await hideAt({ url, merchantKey, shares: Math.max(2, bots), livesMs, points: spots })
  say(`${bots} bots sign up`)
  const [first = { lat: 0, lng: 0 }] = spots
  const claimants = await signUpAt({
    url,
    points: Array.from({ length: bots }, () => first),
    timeScale: pace,
  })
  const spotsById = new Map(targets.map(({ id }, spot) => [id, spot]))
  return {
    ...{ claimants, targets, spots },
    spotOf: id => spotsById.get(id),
    idOf(spot) {
      const target = targets[spot]
      if (target === undefined) throw new RangeError(`there is no spot ${spot}`)
      return target.id
    },
  }
}
