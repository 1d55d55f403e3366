/** Ratings: what the two of a service request think of each other, told to nobody before both have said it. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Reputation, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const { rating } = limits
const id = Shape({ id: Uuid })
const tag = 'service requests'
const path = '/v1/service-requests/{id}/ratings'
const players = ['player'] as const
const days = rating.withinMs / 86_400_000

export const Rating = Shape({
  serviceRequestId: Uuid,
  by: Type.Enum(['poster', 'provider']),
  stars: Type.Integer({ minimum: 1, maximum: 5 }),
  text: Type.Optional(Type.String()),
  ratedAt: Timestamp,
})
export type Rating = Static<typeof Rating>

export const rateServiceRequest = operation({
  id: 'rateServiceRequest',
  method: 'POST',
  path,
  tag,
  summary: 'Rate the other one',
  description:
    `Once each, within ${days} days after it was confirmed or settled, and final. The other one reads it when both ` +
    `have rated or the ${days} days are over, and so nobody answers a rating with a rating. Others learn of stars ` +
    'as a number and a mean, never of the text. Safe to repeat.',
  callers: players,
  params: id,
  body: Shape({
    stars: Rating.properties.stars,
    text: Type.Optional(Text(rating.textChars, 'For the other one alone.')),
  }),
  answers: { 200: Rating },
  errors: [...commonErrors, ...callerErrors, ...bodyErrors, 'not_found', 'wrong_state', 'rating_refused'],
})

export const listRatings = operation({
  id: 'listRatings',
  method: 'GET',
  path,
  tag,
  summary: 'The ratings of a service request, as far as they are told',
  description: "For the two alone: one's own, and the other one's once it is told.",
  callers: players,
  params: id,
  answers: {
    200: Shape({
      items: Type.Array(Rating, { maxItems: 2 }),
      toldAt: Type.Optional(
        Type.String({ format: 'date-time', description: 'When a rating is told that has no counterpart.' }),
      ),
    }),
  },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const getReputation = operation({
  id: 'getReputation',
  method: 'GET',
  path: '/v1/me/reputation',
  tag,
  summary: 'What others see of your ratings',
  callers: players,
  answers: { 200: Shape({ asPoster: Reputation, asProvider: Reputation }) },
  errors: [...commonErrors, ...callerErrors],
})
