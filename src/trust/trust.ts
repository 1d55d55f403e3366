/**
 * How far somebody is trusted, 0 to 3, from what they have done and from nothing else: not who they are, not what
 * others say of them, not how fast they answer. The table is published (protocol/limits.ts, README), so everybody can
 * tell what is missing. Confirmed requests count people, not requests: two who pay each other in a circle are one.
 */
import { limits } from '#protocol/limits.ts'

export type Trust = 0 | 1 | 2 | 3

export type TrustFacts = {
  ageMs: number
  /** Shares won. */
  settledClaims: number
  /** With how many different others a request was confirmed, as poster or as provider. */
  confirmedRequests: number
  /** Texts of theirs that a reviewer rejected within the last 90 days. */
  upheldReports: number
}

const { levels, bandsMinor } = limits.trust

/** The highest level whose age and whose deeds are reached, less one for each upheld report. */
export function trust({ ageMs, settledClaims, confirmedRequests, upheldReports }: TrustFacts): Trust {
  const reached = levels.filter(
    level =>
      ageMs >= level.ageMs &&
      (settledClaims >= level.settledClaims || confirmedRequests >= level.confirmedRequests),
  )
  return Math.max(0, reached.length - upheldReports) as Trust
}

/** What somebody needs to offer or take at a price. */
export function needsTrust(priceMinor: bigint): Trust {
  const band = bandsMinor.findIndex(upToMinor => priceMinor <= upToMinor)
  return (band === -1 ? bandsMinor.length : band) as Trust
}

/** The highest price that a level may offer on; none where there is no bound but the highest price of all. */
export const mostMinorAt = (level: Trust): bigint | undefined => (bandsMinor as readonly bigint[])[level]
