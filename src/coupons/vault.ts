/**
 * What keeps codes unreadable at rest: AES-256-GCM under the first of the configured keys, bound to the coupon's id, so
 * that no row opens in another's place. The key's name stays beside it: a new key goes in front, the others still open
 * what they closed. Finding a code needs no opening: digests under a key of their own tell whether it is there, so a
 * rotation of the keys disturbs neither that nor the search for duplicates.
 */
import { createHmac, hkdfSync } from 'node:crypto'
import { closeWith, openWith } from '#platform/seal.ts'
import type { Random } from '#platform/random.ts'

/** Both codes of a coupon: ours, for the till, and the merchant's. */
export type Codes = { code: string; payload: string }
export type Sealed = { keyId: string; sealed: Buffer }

export type Vault = {
  close(couponId: string, codes: Codes): Sealed
  /** Throws where its key is not configured, or it is not what was closed for this coupon. */
  open(couponId: string, sealed: Sealed): Codes
  /** Of one merchant's codes: the same text of another merchant has another digest. */
  digest(what: 'code' | 'payload', of: { merchantId: string; text: string }): Buffer
}

export type VaultOptions = {
  /** By name; the first one closes. */
  keys: ReadonlyMap<string, Uint8Array>
  hmacSecret: string
  random: Random
}

export function createVault({ keys, hmacSecret, random }: VaultOptions): Vault {
  const [current] = keys
  if (current === undefined) throw new Error('a vault needs a key')
  const digestKey = Buffer.from(hkdfSync('sha256', hmacSecret, '', 'hexbao coupon digests', 32))
  return {
    close(couponId, { code, payload }) {
      const [keyId, key] = current
      const text = JSON.stringify([code, payload])
      return { keyId, sealed: closeWith({ key, boundTo: couponId, random }, text) }
    },
    open(couponId, { keyId, sealed }) {
      const key = keys.get(keyId)
      if (key === undefined) throw new Error(`COUPON_KEYS has no key ${keyId}, which coupons are kept under`)
      const [code, payload] = JSON.parse(openWith({ key, boundTo: couponId }, sealed)) as [string, string]
      return { code, payload }
    },
    digest: (what, { merchantId, text }) =>
      createHmac('sha256', digestKey).update(`${what}\n${merchantId}\n${text}`).digest(),
  }
}
