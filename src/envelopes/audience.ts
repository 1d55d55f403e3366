/**
 * Whom an envelope is for. A passphrase is kept as an HMAC under the server's secret: who reads the database can
 * neither read it nor try words against it.
 */
import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'

type Passphrase = { envelopeId: string; passphrase: string }

/** HMAC-SHA256 over envelope id and passphrase (NFC, so that any keyboard spells it alike), 32 bytes. */
export const sealPassphrase = (secret: string, { envelopeId, passphrase }: Passphrase): Buffer =>
  createHmac('sha256', secret)
    .update(`passphrase:${envelopeId}:${passphrase.normalize('NFC')}`)
    .digest()

/** Whether the passphrase is the sealed one, in a time that does not tell how nearly it was. */
export function opensWith(secret: string, { mac, ...given }: Passphrase & { mac: Uint8Array }): boolean {
  assert.equal(mac.length, 32, 'a seal is an HMAC-SHA256')
  return timingSafeEqual(sealPassphrase(secret, given), mac)
}

/**
 * A winner's name for others: the same within one envelope, or within all of one merchant, and no id. 64 bits: among
 * 10,000 winners two share one with a chance of 3 in 10^12.
 */
export const pseudonymOf = (
  secret: string,
  {
    envelopeId,
    hider,
    playerId,
  }: { envelopeId: string; hider: { kind: string; id: string }; playerId: string },
): string =>
  createHmac('sha256', secret)
    .update(`pseudonym:${hider.kind === 'merchant' ? hider.id : envelopeId}:${playerId}`)
    .digest('hex')
    .slice(0, 16)
