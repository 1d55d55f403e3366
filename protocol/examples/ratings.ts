/** Examples of ratings: Lin is content with Mei. */
import { getReputation, listRatings, rateServiceRequest } from '../rest/ratings.ts'
import { exampleOf } from './example.ts'
import { serviceRequestId } from './service-requests.ts'

const params = { id: serviceRequestId }
const rating = {
  ...{ serviceRequestId, by: 'poster' as const, stars: 5, text: 'Patient and on time' },
  ratedAt: '2026-02-17T05:10:20.540Z',
}

export const ratingExamples = [
  exampleOf(rateServiceRequest, {
    params,
    body: { stars: rating.stars, text: rating.text },
    answers: { 200: rating },
  }),
  exampleOf(listRatings, {
    params,
    answers: { 200: { items: [rating], toldAt: '2026-02-24T05:03:05.911Z' } },
  }),
  exampleOf(getReputation, {
    answers: { 200: { asPoster: { count: 4, mean: 4.8 }, asProvider: { count: 0 } } },
  }),
]
