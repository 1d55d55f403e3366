/** The example of every operation, by its id. */
import { getLiveness, getReadiness } from '../rest/health.ts'
import { campaignExamples, exclusionExamples } from './campaigns.ts'
import { chatExamples } from './chats.ts'
import { claimExamples } from './claims.ts'
import { couponExamples } from './coupons.ts'
import { envelopeExamples } from './envelopes.ts'
import { type Example, exampleOf } from './example.ts'
import { figureExamples } from './figures.ts'
import { merchantExamples } from './merchants.ts'
import { operatorExamples } from './operator.ts'
import { payoutExamples } from './payouts.ts'
import { playerExamples } from './players.ts'
import { ratingExamples } from './ratings.ts'
import { serviceRequestExamples } from './service-requests.ts'
import { reviewExamples } from './reviews.ts'
import { standingExamples } from './standing.ts'
import { webhookExamples } from './webhooks.ts'

const healthExamples = [
  exampleOf(getLiveness, { answers: { 200: { status: 'alive' } } }),
  exampleOf(getReadiness, { answers: { 200: { status: 'ready' } } }),
]

export const examples: ReadonlyMap<string, Example> = new Map(
  [
    ...playerExamples,
    ...standingExamples,
    ...payoutExamples,
    ...envelopeExamples,
    ...claimExamples,
    ...serviceRequestExamples,
    ...reviewExamples,
    ...campaignExamples,
    ...figureExamples,
    ...couponExamples,
    ...chatExamples,
    ...ratingExamples,
    ...merchantExamples,
    ...webhookExamples,
    ...operatorExamples,
    ...exclusionExamples,
    ...healthExamples,
  ].map(example => [example.operation.id, example]),
)
