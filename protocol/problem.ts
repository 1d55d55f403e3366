/** A refusal as REST answers it; the list of codes is errors.ts. */
import { type Static, Type } from 'typebox'
import { errorCodes } from './errors.ts'
import { Shape, Text, Timestamp } from './scalars.ts'

/** RFC 9457 problem+json as this server sends it. */
export const Problem = Shape({
  type: Type.String({ description: "Address of the error's page on this server." }),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Enum(errorCodes),
  reason: Type.Optional(Type.String()),
  detail: Type.Optional(Text(500)),
  at: Type.Optional(Timestamp),
  retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  figures: Type.Optional(
    Type.Record(Type.String(), Type.Number(), { description: 'Sandbox only: the numbers behind a refusal.' }),
  ),
  errors: Type.Optional(Type.Array(Shape({ pointer: Type.String(), message: Type.String() }))),
})
export type Problem = Static<typeof Problem>
