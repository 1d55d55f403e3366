/**
 * Who may open a socket now. After a deploy or an outage everyone comes at once, and each opening costs a token to
 * verify and hints to compute: a server lets in what it can serve and tells the others when to come, each at another
 * moment, before the upgrade. Outside of the sandbox an address has a budget of open sockets, too.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { type Bucket, networkOf, takeToken } from '#platform/limiter.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'

export type Admission = {
  /** Judges one handshake. */
  judge(address: string): Refusal | undefined
  /** A socket is open. */
  enter(address: string): Network
  /** It is gone. */
  leave(network: Network): void
}

/** Of which an address is, and how many sockets are open from it. */
export type Network = { readonly name: string; open: number }

export type AdmissionPorts = { clock: Clock; random: Random; perAddress: number }

const COME_BACK_SPREAD_MS = 5_000
const rate = { ratePerS: limits.socket.openingsPerSecond, burst: limits.socket.openingBurst }

export function createAdmission({ clock, random, perAddress }: AdmissionPorts): Admission {
  let bucket: Bucket | undefined
  const networks = new Map<string, Network>()
  const later = () => Math.round(COME_BACK_SPREAD_MS * random.fraction())

  return {
    judge(address) {
      if ((networks.get(networkOf(address))?.open ?? 0) >= perAddress) {
        return refuse('too_many_requests', { retryAfterMs: COME_BACK_SPREAD_MS })
      }
      const take = takeToken(bucket, { nowMs: clock.nowMs(), ...rate })
      bucket = take.bucket
      return take.status === 'taken'
        ? undefined
        : refuse('unavailable', { retryAfterMs: take.retryAfterMs + later() })
    },
    enter(address) {
      const name = networkOf(address)
      const network = networks.get(name) ?? { name, open: 0 }
      networks.set(name, network)
      network.open++
      return network
    },
    leave(network) {
      network.open--
      if (network.open === 0) networks.delete(network.name)
    },
  }
}
