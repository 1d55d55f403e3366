/** Gives a strike, where one is due, and says until when rewards pause; also for those whom Redis forgot. */
import type { StrikeReason } from '#protocol/rest/standing.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Database } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { counts, expiryOf, isDue, pausedUntilMs, type Strike, type StrikeRecord } from './strike.ts'

export type StrikePorts = { strikes: StrikeRecord; database: Database; clock: Clock; random: Random }

export type Misconduct = {
  playerId: string
  timeScale: number
  reason: StrikeReason
  figures: Readonly<Record<string, number>>
}

export type Strikes = {
  giveStrike(misconduct: Misconduct): Promise<{ pausedUntilMs: number | undefined }>
  /** Until when strikes pause the rewards of each player. */
  findStruck(playerIds: string[]): Promise<(number | undefined)[]>
}

export function createStrikes(ports: StrikePorts): Strikes {
  const { strikes, database, clock } = ports
  return {
    async giveStrike({ playerId, timeScale, reason, figures }) {
      const nowMs = clock.nowMs()
      const id = createId(ports)
      return database.transact(async tx => {
        await strikes.lock(tx, playerId)
        const known = await strikes.list(tx, playerId)
        const expiresAtMs = expiryOf({ timeScale, nowMs })
        const strike: Strike = { id, playerId, reason, figures, givenAtMs: nowMs, expiresAtMs }
        const given = isDue(known, { reason, timeScale, nowMs }) ? [strike] : []
        for (const one of given) await strikes.add(tx, one)
        return { pausedUntilMs: pausedUntilMs([...given, ...known].filter(one => counts(one, nowMs))) }
      })
    },

    async findStruck(playerIds) {
      const counting = await strikes.listCounting(database, { playerIds, nowMs: clock.nowMs() })
      const byPlayer = new Map(playerIds.map(playerId => [playerId, [] as { expiresAtMs: number }[]]))
      for (const strike of counting) byPlayer.get(strike.playerId)?.push(strike)
      return playerIds.map(playerId => pausedUntilMs(byPlayer.get(playerId) ?? []))
    },
  }
}
