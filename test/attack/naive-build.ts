/**
 * What one would hack together: answers from the true distance. A double for tests, on which every attack has to
 * succeed: one that fails here proves nothing by failing elsewhere.
 */
import { measureM } from '../../src/geo/distance.ts'
import type { Dice } from '../../src/bin/play/dice.ts'
import type { Build, Look } from './oracle.ts'

/** How its hints tell how far it is. */
export type NaiveHint = 'distance' | 'noisy distance' | 'bands'

export const naiveM = { reach: 60, crowd: 30 }
/** Either way, drawn anew for each answer. */
const noiseM = 25

export function createNaiveBuild({ hint, dice }: { hint: NaiveHint; dice: Dice }): Build {
  const toldM = {
    distance: (distanceM: number) => ({ distanceM }),
    'noisy distance': (distanceM: number) => ({ distanceM: distanceM + noiseM * (2 * dice.fraction() - 1) }),
    bands: () => ({}),
  }[hint]

  return {
    name: `naive, ${hint}`,
    async plant(place) {
      let requests = 0
      const measure = <A>(answer: (distanceM: number) => A) => {
        return async (at: typeof place): Promise<A> => {
          requests++
          return answer(measureM(at, place))
        }
      }
      return {
        look: measure<Look>(distanceM => ({
          band: bandOf(distanceM),
          within1Km: distanceM <= 1_000 ? '1+' : '0',
          within2Km: distanceM <= 2_000 ? '1+' : '0',
          ...(distanceM <= 500 && toldM(distanceM)),
        })),
        ask: measure(distanceM => ({ answer: distanceM <= naiveM.reach ? 'near' : 'far' })),
        isCrowded: measure(distanceM => distanceM <= naiveM.crowd),
        crowd: async () => undefined,
        requests: () => requests,
        accounts: () => 1,
        close: async () => undefined,
      }
    },
  }
}

function bandOf(distanceM: number): Look['band'] {
  if (distanceM > 500) return 'absent'
  return distanceM <= 150 ? 'hot' : distanceM <= 300 ? 'warm' : 'cool'
}
