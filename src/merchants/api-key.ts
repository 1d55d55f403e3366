/**
 * API keys: 256 random bits behind a prefix that says what they are, so that scanners find a leaked one. Only the
 * SHA-256 is stored; a random key of this size needs no slow hash.
 */
import { createHash } from 'node:crypto'
import type { Scope } from '#protocol/operation.ts'
import type { Random } from '#platform/random.ts'

export type Mode = 'test' | 'live'

export type ApiKey = {
  id: string
  merchantId: string
  /** Enough of the secret to tell keys apart, and far too little to guess the rest. */
  prefix: string
  scopes: readonly Scope[]
  createdAtMs: number
  lastUsedAtMs?: number
  revokedAtMs?: number
}

const secretBytes = 32
const shownChars = 6

/** Sandbox keys say `test`, and production never takes one. */
export const modeOf = ({ sandbox }: { sandbox: boolean }): Mode => (sandbox ? 'test' : 'live')

export function createSecret(mode: Mode, random: Random): { secret: string; prefix: string; hash: Buffer } {
  const lead = `hbk_${mode}_`
  const secret = `${lead}${random.bytes(secretBytes).toString('base64url')}`
  return { secret, prefix: secret.slice(0, lead.length + shownChars), hash: hashSecret(secret) }
}

export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** A key works in the mode that made it, so a sandbox's key is worth nothing in production. */
export const isSecretOf = (mode: Mode, secret: string): boolean =>
  secret.startsWith(`hbk_${mode}_`) && /^[\w-]{52}$/.test(secret)
