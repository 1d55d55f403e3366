/**
 * On-site codes: what the till of a campaign shows, and what a claim brings to say that its player has seen it. Each
 * campaign has one secret, sealed in the record. A new one counts some seconds after it was made, on all servers at
 * once: each forgets before then what it read of the former one.
 */
import { limits } from '#protocol/limits.ts'
import type { Random } from '#platform/random.ts'
import { createSeal, type Seal } from '#platform/seal.ts'
import { codeOf, createTotpSecret, findStep, STEP_MS, stepAt } from '#platform/totp.ts'

/** As the record holds it, secrets sealed. */
export type SiteCode = { secret: string; formerSecret: string | null; changesAtMs: number }

export type SiteCodes = {
  /** A secret for a campaign that has none. */
  create(nowMs: number): SiteCode
  /** The same with another secret, which counts from `changesAtMs` on. */
  rotate(code: SiteCode, nowMs: number): SiteCode
  show(code: SiteCode, nowMs: number): { digits: string; expiresAtMs: number }
  /** The step whose code was sent, if that counts now. */
  findStep(code: SiteCode, sent: string, nowMs: number): number | undefined
}

export function createSiteCodes({ hmacSecret, random }: { hmacSecret: string; random: Random }): SiteCodes {
  const seal = createSeal(hmacSecret, { purpose: 'on-site codes', random })
  const sealNew = () => seal.close(createTotpSecret(random).toString('base64url'))
  return {
    create: nowMs => ({ secret: sealNew(), formerSecret: null, changesAtMs: nowMs }),
    rotate: (code, nowMs) => ({
      secret: sealNew(),
      formerSecret: sealedAt(code, nowMs),
      changesAtMs: nowMs + limits.code.rotatedAfterMs,
    }),
    show(code, nowMs) {
      const step = stepAt(nowMs)
      const endsAtMs = (step + 1) * STEP_MS
      // A secret that changes within the step takes its code along.
      const expiresAtMs = code.changesAtMs > nowMs ? Math.min(endsAtMs, code.changesAtMs) : endsAtMs
      return { digits: codeOf(openAt(seal, code, nowMs), step), expiresAtMs }
    },
    findStep: (code, sent, nowMs) => findStep(openAt(seal, code, nowMs), sent, nowMs),
  }
}

const sealedAt = ({ secret, formerSecret, changesAtMs }: SiteCode, nowMs: number): string =>
  formerSecret !== null && nowMs < changesAtMs ? formerSecret : secret

const openAt = (seal: Seal, code: SiteCode, nowMs: number): Buffer =>
  Buffer.from(seal.open(sealedAt(code, nowMs)), 'base64url')
