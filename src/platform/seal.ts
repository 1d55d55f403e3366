/**
 * Sealed text: AES-256-GCM, under a key derived from HMAC_SECRET or another one. For what has to be given out again and
 * must not be readable in a dump of the database, such as the new API key inside the kept answer of an idempotent
 * request.
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
    close: text => closeWith({ key, random }, text).toString('base64url'),
    open: sealed => openWith({ key }, Buffer.from(sealed, 'base64url')),
  }
}

type Key = {
  /** 32 bytes. */
  key: Uint8Array
  /** What it belongs to: it does not open as anything else's. */
  boundTo?: string
}

/** Nonce, tag and text. */
export function closeWith({ key, boundTo = '', random }: Key & { random: Random }, text: string): Buffer {
  const nonce = random.bytes(nonceBytes)
  const sealing = createCipheriv(cipher, key, nonce).setAAD(Buffer.from(boundTo))
  const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()])
  return Buffer.concat([nonce, sealing.getAuthTag(), sealed])
}

export function openWith({ key, boundTo = '' }: Key, sealed: Buffer): string {
  assert(sealed.length >= nonceBytes + tagBytes, 'sealed text has a nonce and a tag')
  const opening = createDecipheriv(cipher, key, sealed.subarray(0, nonceBytes)).setAAD(Buffer.from(boundTo))
  opening.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
  const text = opening.update(sealed.subarray(nonceBytes + tagBytes))
  return Buffer.concat([text, opening.final()]).toString('utf8')
}
