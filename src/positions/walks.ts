/**
 * The last fixes of those who play on this server, for the score of fake walks: at most 32 of each player, in memory
 * and nowhere else, gone with the process, with a ride, or with so many other players. Only a whole series on foot is
 * judged: a car on a motorway moves as evenly as a drawing.
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

export function createWalks(): Walks {
  const walks = new LRUCache<string, Sample[]>({ max: rememberedPlayers })
  return {
    add(playerId, sample) {
      const known = walks.get(playerId)
      if (known === undefined) return void walks.set(playerId, [sample])
      const last = known.at(-1)
      // A claim often says the last position again.
      if (last?.point.lat === sample.point.lat && last.point.lng === sample.point.lng) return
      if (last !== undefined && sample.atMs <= last.atMs) return
      known.push(sample)
      if (known.length > MOST_FIXES) known.shift()
    },
    judge(playerId) {
      const samples = walks.get(playerId) ?? []
      const score = samples.length < MOST_FIXES ? undefined : scoreWalk(samples)
      if (score === undefined || !isSuspicious(score)) return undefined
      walks.delete(playerId)
      return {
        reason: 'fake_walk',
        figures: { score: Math.round(score * 100) / 100, fixes: samples.length },
      }
    },
    forget: playerId => void walks.delete(playerId),
  }
}
