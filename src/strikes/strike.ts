/**
 * A strike says that somebody very probably was not where they claimed to be. It has a reason out of a closed list and
 * figures, and no place; it expires, and an operator who upholds an appeal lifts it. Three that count pause rewards:
 * claims are refused, with the reason, and nothing else changes. Moments here are the server's; how long a strike lasts
 * runs at the player's pace.
 */
import { limits } from '#protocol/limits.ts'
import type { StrikeReason } from '#protocol/rest/standing.ts'
import type { Database, Tx } from '#platform/postgres.ts'

export type Strike = {
  id: string
  playerId: string
  reason: StrikeReason
  figures: Readonly<Record<string, number>>
  givenAtMs: number
  expiresAtMs: number
  liftedAtMs?: number
}

export type StrikeRecord = {
  /** One at a time for each player, until the transaction ends. */
  lock(tx: Tx, playerId: string): Promise<void>
  /** The latest hundred, newest first. */
  list(tx: Tx, playerId: string): Promise<Strike[]>
  add(tx: Tx, strike: Strike): Promise<void>
  /** Lifts those that count and were given up to a moment. */
  lift(tx: Tx, asked: { playerId: string; givenUntilMs: number; nowMs: number }): Promise<void>
  /** Those that count now, of many players. */
  listCounting(
    database: Database,
    asked: { playerIds: string[]; nowMs: number },
  ): Promise<{ playerId: string; expiresAtMs: number }[]>
}

const { lifetimeMs, apartMs, pausingFrom } = limits.strike

export const counts = ({ expiresAtMs, liftedAtMs }: Strike, nowMs: number): boolean =>
  liftedAtMs === undefined && nowMs < expiresAtMs

/** Until when rewards pause: until fewer than three of the strikes that count are left. */
export const pausedUntilMs = (counting: readonly { expiresAtMs: number }[]): number | undefined =>
  counting.map(({ expiresAtMs }) => expiresAtMs).toSorted((a, b) => b - a)[pausingFrom - 1]

/** Whether one more of this reason may be given: what somebody does all afternoon is one strike, not twenty. */
export const isDue = (
  strikes: readonly Strike[],
  { reason, timeScale, nowMs }: { reason: StrikeReason; timeScale: number; nowMs: number },
): boolean =>
  !strikes.some(known => known.reason === reason && (nowMs - known.givenAtMs) * timeScale < apartMs)

export const expiryOf = ({ timeScale, nowMs }: { timeScale: number; nowMs: number }): number =>
  nowMs + Math.ceil(lifetimeMs / timeScale)
