/**
 * The last fixes of those who play on this server, for the score of fake walks: at most 32 of each player, in memory
 * and nowhere else, gone with the process, with a ride, or with so many other players. Only a whole series on foot is
 * judged: a car on a motorway moves as evenly as a drawing. A series is one list of numbers, a quarter of what as many
 * objects would take.
 */
import { LRUCache } from 'lru-cache'
import type { Sign } from './conduct.ts'
import { isSuspicious, MOST_FIXES, type Sample, scoreWalk } from './fake-walk.ts'

export type Walks = {
  add(playerId: string, sample: Sample): void
  /** A series that looks made up; it is forgotten then, so that each is told once. */
  judge(playerId: string): Sign | undefined
  forget(playerId: string): void
}

const rememberedPlayers = 10_000

/** Of a fix: `lat`, `lng`, `accuracyM`, `atMs`. */
const NUMBERS = 4

const numbersOf = ({ point, accuracyM, atMs }: Sample): number[] => [point.lat, point.lng, accuracyM, atMs]

function samplesOf(series: readonly number[]): Sample[] {
  const samples: Sample[] = []
  for (let at = 0; at < series.length; at += NUMBERS) {
    const [lat = 0, lng = 0, accuracyM = 0, atMs = 0] = series.slice(at, at + NUMBERS)
    samples.push({ point: { lat, lng }, accuracyM, atMs })
  }
  return samples
}

export function createWalks(): Walks {
  const walks = new LRUCache<string, number[]>({ max: rememberedPlayers })
  return {
    add(playerId, sample) {
      const known = walks.get(playerId)
      if (known === undefined) return void walks.set(playerId, numbersOf(sample))
      const [lat, lng, , atMs = 0] = known.slice(-NUMBERS)
      // A claim often says the last position again.
      if ((lat === sample.point.lat && lng === sample.point.lng) || sample.atMs <= atMs) return
      known.push(...numbersOf(sample))
      if (known.length > MOST_FIXES * NUMBERS) known.splice(0, NUMBERS)
    },
    judge(playerId) {
      const series = walks.get(playerId) ?? []
      const score = series.length < MOST_FIXES * NUMBERS ? undefined : scoreWalk(samplesOf(series))
      if (score === undefined || !isSuspicious(score)) return undefined
      walks.delete(playerId)
      return {
        reason: 'fake_walk',
        figures: { score: Math.round(score * 100) / 100, fixes: MOST_FIXES },
      }
    },
    forget: playerId => void walks.delete(playerId),
  }
}
