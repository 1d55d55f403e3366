/** How far a player is trusted, which follows from what they have done. */
import { Type } from 'typebox'
import { callerErrors, commonErrors, operation } from '../operation.ts'
import { Shape } from '../scalars.ts'

const Count = (description: string) => Type.Integer({ minimum: 0, description })

export const getTrust = operation({
  id: 'getTrust',
  method: 'GET',
  path: '/v1/me/trust',
  tag: 'players',
  summary: 'How far you are trusted, and why',
  description:
    'The highest level of the published table that your account reaches by age and deeds, less one for each text of ' +
    'yours that was rejected within 90 days. In production it decides what you may offer on, and whether what you ' +
    'write is read by a reviewer first; in the sandbox it decides nothing.',
  callers: ['player'],
  answers: {
    200: Shape({
      trust: Type.Integer({ minimum: 0, maximum: 3 }),
      accountAgeDays: Count('Full days.'),
      settledClaims: Count('Shares won, as far as they matter.'),
      confirmedRequests: Count(
        'Different people with whom a service request of yours or theirs was confirmed.',
      ),
      upheldReports: Count('Texts of yours that were rejected within 90 days.'),
      mostMinor: Type.Optional(
        Type.String({
          description: 'The highest price that you may offer on; absent where there is no bound.',
        }),
      ),
    }),
  },
  errors: [...commonErrors, ...callerErrors],
})
