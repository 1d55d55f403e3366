/** Figures as their merchant sees them. */
import type { Figures } from '#protocol/rest/figures.ts'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import type { Tallies } from './ports.ts'

/** What was read at one moment; of two readings of one server, the later one has the larger number. */
export type Reading = { no: number; campaignId: string; atMs: number; tallies: Tallies; redeemed?: number }

export function viewFigures({ campaignId, atMs, tallies, redeemed }: Reading): Figures {
  const { currency, waitsMs } = tallies
  const { toPlace, placed, waiting, live, empty, expired, closed, frozen, found } = tallies
  const money = (minor: bigint) => toMoney(minor, currency)
  return {
    ...{ campaignId, state: tallies.state, asOf: toTimestamp(atMs) },
    envelopes: { toPlace, placed, waiting, live, empty, expired, closed, frozen, found },
    shares: { placed: tallies.shares, claimed: tallies.claimedShares },
    money: {
      funded: money(tallies.fundedMinor),
      available: money(tallies.availableMinor),
      inDrops: money(tallies.inDropsMinor),
      inEnvelopes: money(tallies.inEnvelopesMinor),
      claimed: money(tallies.claimedMinor),
      returned: money(tallies.returnedMinor),
    },
    funnel: {
      ...{ revealed: tallies.revealed, claimed: tallies.claimedShares },
      ...(redeemed !== undefined && { redeemed }),
    },
    ...(waitsMs !== undefined && {
      timeToFirstClaim: {
        shortestMs: Math.round(waitsMs[0]),
        medianMs: Math.round(waitsMs[1]),
        p90Ms: Math.round(waitsMs[2]),
      },
    }),
  }
}
