/**
 * A reservation is what Redis hands out: a share number held for one player under one epoch. It is worth nothing until
 * PostgreSQL settles it into a claim.
 */
import { nameId } from '#platform/id.ts'

/** Published namespace: a claim's id is uuid v5 of "envelope:player" in it, so a retry can only be the same claim. */
export const claimNamespace = '2f8dbb1e-7c55-5a0c-8a0e-31c1a3c4f0d2'

export const claimIdOf = (envelopeId: string, playerId: string): string =>
  nameId(`${envelopeId}:${playerId}`, claimNamespace)

/**
 * Partitions spread envelopes over a Redis cluster; everything of one envelope shares a slot and an outbox. The end of
 * an id is random (RFC 9562, UUIDv7), so it spreads as well as a hash, and is asked for several times a claim.
 */
export const partitionCount = 64

export const partitionOf = (envelopeId: string): number =>
  Number.parseInt(envelopeId.slice(-4), 16) % partitionCount || 0

export type Reservation = {
  envelopeId: string
  playerId: string
  shareNo: number
  epoch: number
  /** Id of the outbox entry; its first part is Redis' time in ms. */
  entryId: string
}
