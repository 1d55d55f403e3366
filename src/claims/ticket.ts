/**
 * Tickets: what a reveal gives within reach, so that the claim that follows need not prove once more where the player
 * stands. A ticket says "this player, on this device, was let in to this envelope, from this cell, less than a minute
 * ago", and nothing is kept of it: what it says is under a MAC, and all but the expiry and the cell is told again by
 * whoever brings it. The cell, which a cool-down is measured from, is hidden under a pad that the MAC makes, as
 * synthetic-IV encryption does (Rogaway and Shrimpton 2006): who finds a ticket does not learn where its player was.
 *
 * A ticket is not bound to the envelope's epoch: it tells of a place, and whether a share is left is asked of the gate.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import { type Cell, fromBigInt, toBigInt } from '../geo/cell.ts'

export type Bearer = { envelopeId: string; playerId: string; deviceId: string | undefined }
export type Ticket = { ticket: string; expiresAtMs: number }

const EXPIRY_BYTES = 6
const CELL_BYTES = 8
/** 128 bits; nobody tries 2^127 of them in a minute. */
const MAC_BYTES = 16
const TICKET_BYTES = EXPIRY_BYTES + CELL_BYTES + MAC_BYTES

export function issueTicket(
  secret: string,
  bearer: Bearer,
  { cell, nowMs }: { cell: Cell; nowMs: number },
): Ticket {
  const expiresAtMs = nowMs + limits.claim.ticketMs
  const [expiry, place] = [Buffer.alloc(EXPIRY_BYTES), Buffer.alloc(CELL_BYTES)]
  expiry.writeUIntBE(expiresAtMs, 0, EXPIRY_BYTES)
  place.writeBigUInt64BE(toBigInt(cell))
  const mac = macOf(secret, bearer, { expiry, place })
  const bytes = Buffer.concat([expiry, cover(secret, place, mac), mac])
  return { ticket: bytes.toString('base64url'), expiresAtMs }
}

/** The cell in which the bearer stood; nothing where the ticket is not theirs, not for this envelope, or over. */
export function readTicket(
  secret: string,
  bearer: Bearer,
  { ticket, nowMs }: { ticket: string; nowMs: number },
): Cell | undefined {
  const bytes = Buffer.from(ticket, 'base64url')
  if (bytes.length !== TICKET_BYTES) return undefined
  const expiry = bytes.subarray(0, EXPIRY_BYTES)
  const mac = bytes.subarray(-MAC_BYTES)
  const place = cover(secret, bytes.subarray(EXPIRY_BYTES, -MAC_BYTES), mac)
  if (!timingSafeEqual(mac, macOf(secret, bearer, { expiry, place }))) return undefined
  if (expiry.readUIntBE(0, EXPIRY_BYTES) <= nowMs) return undefined
  return fromBigInt(place.readBigUInt64BE())
}

/** Ids are of fixed spelling, so no two bearers are one text. */
function macOf(
  secret: string,
  { envelopeId, playerId, deviceId = '' }: Bearer,
  { expiry, place }: { expiry: Buffer; place: Buffer },
): Buffer {
  return createHmac('sha256', secret)
    .update(`ticket:${envelopeId}:${playerId}:${deviceId}:`)
    .update(expiry)
    .update(place)
    .digest()
    .subarray(0, MAC_BYTES)
}

/** Covers a cell, and uncovers it again. */
function cover(secret: string, place: Buffer, mac: Buffer): Buffer {
  const pad = createHmac('sha256', secret).update('ticket-pad:').update(mac).digest()
  return Buffer.from(place.map((byte, i) => byte ^ (pad[i] as number)))
}
