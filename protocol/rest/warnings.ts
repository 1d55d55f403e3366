/** Warnings beside an answer: what was asked for was done, and may not be what was meant. */
import { type Static, Type } from 'typebox'
import { Crs, Shape } from '../scalars.ts'

/** A pin that was probably meant in another datum: it was hidden as asked. */
export const DatumSuspect = Shape(
  {
    code: Type.Literal('datum_suspect'),
    crs: Crs,
    distanceM: Type.Integer({ description: 'From where you stand to the pin, as you sent it.' }),
  },
  {
    description:
      'The pin is off from your fix exactly as Chinese maps are. If you meant to hide where you stand, close this ' +
      'envelope and send `crs`.',
  },
)
export type DatumSuspect = Static<typeof DatumSuspect>
