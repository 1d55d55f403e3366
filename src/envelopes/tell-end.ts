/**
 * The hider hears how it ended: what was found, and of a lucky split who had the best luck. Whoever ends an envelope
 * announces that to those near it; this tells the hider as well, from the record as it is then. Like every announcement
 * it may be lost; the list of claims says the same.
 */
import type { Logger } from 'pino'
import { createBatcher } from '#platform/batch.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { pseudonymOf } from './audience.ts'
import type { EndedState } from './state.ts'
import { toMoney } from './view.ts'

/** An envelope of a player that has ended. */
export type Ending = {
  id: string
  hiderId: string
  reason: EndedState
  claimedShares: number
  claimedMinor: bigint
  currency: string
  best: { claimId: string; playerId: string; amountMinor: bigint } | undefined
}

export type TellEndPorts = {
  listEnds: (ids: readonly string[]) => Promise<Ending[]>
  hmacSecret: string
  log: Pick<Logger, 'warn'>
}

/** Expiry ends hundreds at once. */
const batch = { maxSize: 500, concurrency: 1 }

/** The announcer, which tells the hider of every end, too. */
export function tellHiders(announcer: Announcer, { listEnds, hmacSecret, log }: TellEndPorts): Announcer {
  const findEnd = createBatcher<string, Ending | undefined>({
    ...batch,
    run: async ids => {
      const ends = new Map((await listEnds(ids)).map(end => [end.id, end]))
      return ids.map(id => ends.get(id))
    },
  })

  async function tell(id: string): Promise<void> {
    const end = await findEnd(id)
    if (end === undefined) return
    const { hiderId, reason, claimedShares, claimedMinor, currency, best } = end
    const hider = { kind: 'player', id: hiderId }
    const bestLuck = best && {
      claimId: best.claimId,
      winner: pseudonymOf(hmacSecret, { envelopeId: id, hider, playerId: best.playerId }),
      amount: toMoney(best.amountMinor, currency),
    }
    announcer.toPlayer(hiderId, {
      type: 'envelope.ended',
      ...{ envelopeId: id, reason, claimedShares, claimed: toMoney(claimedMinor, currency) },
      ...(bestLuck !== undefined && { bestLuck }),
    })
  }

  return {
    ...announcer,
    envelopeEnded(ended) {
      announcer.envelopeEnded(ended)
      if (ended.reason === 'frozen') return
      tell(ended.id).catch((error: unknown) => log.warn({ err: error }, 'a hider was not told of an end'))
    },
  }
}
