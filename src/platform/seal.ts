/**
 * Sealed text: AES-256-GCM under a key derived from HMAC_SECRET. For what has to be given out again and must not be
 * readable in a dump of the database, such as the new API key inside the kept answer of an idempotent request.
 */
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from './random.ts'

export type Seal = {
  close(text: string): string
  /** Throws when the text was not sealed here, for this purpose, or was changed since. */
  open(sealed: string): string
}

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** Seals of one purpose do not open those of another. */
export function createSeal(secret: string, { purpose, random }: { purpose: string; random: Random }): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', `hexbao seal: ${purpose}`, 32))
  return {
    close(text) {
      const nonce = random.bytes(nonceBytes)
      const sealing = createCipheriv(cipher, key, nonce)
      const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()])
      return Buffer.concat([nonce, sealing.getAuthTag(), sealed]).toString('base64url')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      assert(bytes.length >= nonceBytes + tagBytes, 'sealed text has a nonce and a tag')
      const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes))
      opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      const text = opening.update(bytes.subarray(nonceBytes + tagBytes))
      return Buffer.concat([text, opening.final()]).toString('utf8')
    },
  }
}
