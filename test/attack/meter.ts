/** How many failed tries of one account say anything: for one envelope, and in a day over many. */
import { randomUUID } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import { createRest } from '../acceptance/rest.ts'
import type { AskBy } from './game-build.ts'
import type { Game } from './game.ts'

export type Meter = {
  tried: number
  /** The most that were answered for any one envelope, and in all. */
  ofOne: number
  inAll: number
  holds: boolean
}

const { failedTriesPerEnvelopeHour, failedTriesPerDay } = limits.claim
const somewhere = { lat: 25.0338, lng: 102.7181, accuracyM: 60 }

/** All operations in turn: they are metered as one. Tries for what is no envelope, which looks the same as too far. */
export async function readMeter(game: Game, operations: readonly AskBy[]): Promise<Meter> {
  const { token, address } = await game.recruit()
  const rest = createRest({ url: game.url, credential: token, headers: { 'x-forwarded-for': address } })
  const answered: number[] = []
  let tried = 0
  for (let envelopes = 0; envelopes <= failedTriesPerDay / failedTriesPerEnvelopeHour; envelopes++) {
    const id = randomUUID()
    let answers = 0
    for (let i = 0; i < failedTriesPerEnvelopeHour + 2; i++, tried++) {
      const { operation } = operations[i % operations.length] as AskBy
      const refusal = await rest.refusal(operation, { id, body: { fix: somewhere } })
      if (refusal === 'out_of_reach') answers++
      else if (refusal !== 'too_many_tries') throw new Error(`a try was refused: ${refusal}`)
    }
    answered.push(answers)
  }
  const [ofOne, inAll] = [Math.max(...answered), answered.reduce((sum, one) => sum + one, 0)]
  const holds = ofOne === failedTriesPerEnvelopeHour && inAll === failedTriesPerDay
  return { tried, ofOne, inAll, holds }
}
