/**
 * Everyone's time has to be nearly the same: opening, expiry and the age of reservations are judged with the server's
 * clock, with PostgreSQL's and with Redis' own.
 */
import type { Clock } from '../clock.ts'
import { type Check, failed, passed } from './check.ts'

export const maxSkewMs = 250
const samples = 5

/** Their clock minus ours, in milliseconds; of a few askings the quickest one, which can be least wrong. */
export async function measureSkew(clock: Clock, readTheirsMs: () => Promise<number>): Promise<number> {
  let best = { skewMs: 0, tripMs: Number.POSITIVE_INFINITY }
  for (let sample = 0; sample < samples; sample++) {
    const askedAtMs = clock.nowMs()
    const theirsMs = await readTheirsMs()
    const tripMs = clock.nowMs() - askedAtMs
    // They read their clock about half-way through the trip.
    if (tripMs < best.tripMs) best = { skewMs: theirsMs - (askedAtMs + tripMs / 2), tripMs }
  }
  return best.skewMs
}

export function judgeSkew(who: string, skewMs: number): Check {
  const name = `${who} clock`
  const size = `${Math.round(Math.abs(skewMs))} ms ${skewMs < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(skewMs) <= maxSkewMs) return passed(name, size)
  const advice = `at most ${maxSkewMs} ms: let chrony or systemd-timesyncd keep both machines' time`
  return failed(name, `${size}, ${advice}`, { money: true })
}
