/**
 * What an attacker can ask a build about one envelope: look from somewhere, ask for it, hide beside it. Attackers see
 * nothing but this port, so the same strategy runs against the server that ships and against a naive one.
 */
import type { Static } from 'typebox'
import type { Band, Count } from '#protocol/scalars.ts'
import type { Point } from '../../src/geo/point.ts'

export type Look = {
  band: Static<typeof Band> | 'absent'
  /** The hint cell that it lies in, where that is told. */
  cell?: string
  /** Where a distance is told. */
  distanceM?: number
  within1Km: Static<typeof Count>
  within2Km: Static<typeof Count>
}

/** `silent`: no more is told. */
export type Asked = { answer: 'near' | 'far' | 'silent'; distanceM?: number }

export type Oracle = {
  look(at: Point): Promise<Look>
  /** Whether it is within reach of a point, by whatever operation the build offers. */
  ask(at: Point): Promise<Asked>
  /** Hides as much of the attacker's own around a point as the build allows without anything of others there. */
  crowd(at: Point): Promise<void>
  /** Whether hiding at a point is refused because of others; what was hidden is taken away again. */
  isCrowded(at: Point): Promise<boolean>
  /** Requests and frames sent so far, and accounts that sent them. */
  requests(): number
  accounts(): number
  /** Takes away what was hidden. */
  close(): Promise<void>
}

export type Build = {
  name: string
  /** Hides an envelope at a point, alone for kilometres, and answers what can be asked about it. */
  plant(place: Point): Promise<Oracle>
}
