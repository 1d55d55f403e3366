/**
 * Where a player's phone draws an envelope that is within reach. The anchor is drawn from the envelope's resolution-12
 * cell by a keyed hash of envelope and player: the same whenever this player looks, another one for everybody else, and
 * no function of the place. Ten thousand players who compare theirs find the cell, which the claim radius tells anyway.
 */
import { createHmac } from 'node:crypto'
import type { Cell } from '../geo/cell.ts'
import type { Point } from '../geo/point.ts'
import { pointInCell } from '../geo/point-in-cell.ts'

export type Anchored = { envelopeId: string; playerId: string; cell12: Cell }

const BYTES_OF_NUMBER = 6

export function anchorOf(secret: string, { envelopeId, playerId, cell12 }: Anchored): Point {
  let drawn = 0
  /** The hash of a counter, as a number in [0, 1). */
  const chance = () =>
    createHmac('sha256', secret)
      .update(`anchor:${envelopeId}:${playerId}:${drawn++}`)
      .digest()
      .readUIntBE(0, BYTES_OF_NUMBER) /
    2 ** (8 * BYTES_OF_NUMBER)
  return pointInCell(cell12, chance)
}
