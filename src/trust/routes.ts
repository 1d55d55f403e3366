/** HTTP: how far one is trusted, and why. */
import { getTrust } from '#protocol/rest/trust.ts'
import type { Clock } from '#platform/clock.ts'
import { answer, type Bind } from '#platform/http.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Caller } from '../players/caller.ts'
import { mostMinorAt, trust, type TrustFacts } from './trust.ts'

export type TrustRoutePorts = {
  database: Tx
  readFacts: (tx: Tx, who: { playerId: string; nowMs: number }) => Promise<TrustFacts>
  clock: Clock
}

export function registerTrustRoutes(
  bind: Bind<Caller>,
  { database, readFacts, clock }: TrustRoutePorts,
): void {
  bind(getTrust, async ({ caller }) => {
    const facts = await readFacts(database, { playerId: caller.id, nowMs: clock.nowMs() })
    const level = trust(facts)
    const mostMinor = mostMinorAt(level)
    return answer(200, {
      ...{ trust: level, accountAgeDays: Math.floor(facts.ageMs / 86_400_000) },
      ...{ settledClaims: facts.settledClaims, confirmedRequests: facts.confirmedRequests },
      upheldReports: facts.upheldReports,
      ...(mostMinor !== undefined && { mostMinor: String(mostMinor) }),
    })
  })
}
