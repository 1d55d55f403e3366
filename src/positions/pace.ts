/**
 * The time of a player. In the sandbox a time scale (1 to 120) makes every per-player limit, quota and cool-down run
 * faster, so that a recorded two-hour walk replayed in a minute is judged in its own time. Stored moments are the
 * server's; only what passed between them is scaled.
 */
export type Pace = {
  /** When the server received what is being judged, in milliseconds since the epoch. */
  nowMs: number
  timeScale: number
}

/** Player's milliseconds since a stored moment; never negative, as two servers' clocks may differ a little. */
export function elapsedMs(sinceMs: number, { nowMs, timeScale }: Pace): number {
  return Math.max(0, nowMs - sinceMs) * timeScale
}

/** How long the client waits on its own clock for a number of the player's milliseconds to pass. */
export function waitMs(remainingMs: number, { timeScale }: Pace): number {
  return Math.ceil(remainingMs / timeScale)
}
