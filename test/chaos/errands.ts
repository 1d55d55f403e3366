/**
 * Service requests under the same faults: a few posters post and choose, people of the crowd offer, race to take,
 * deliver, talk and give back, posters confirm, dispute and cancel, the operator splits. Each goes one way that was
 * drawn for it, step by step, and every step is asked for until its answer is final: the steps are safe to repeat, so
 * nothing but success is expected of whoever's turn it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sendMessage } from '#protocol/rest/chats.ts'
import {
  acceptOffer,
  cancelServiceRequest,
  confirmServiceRequest,
  deliverServiceRequest,
  disputeServiceRequest,
  offerOnServiceRequest,
  splitServiceRequest,
  takeServiceRequest,
  topUpServiceRequest,
} from '#protocol/rest/service-request-steps.ts'
import { postServiceRequest } from '#protocol/rest/service-requests.ts'
import { randomUUID } from 'node:crypto'
import type { Answer, Client } from './client.ts'
import type { Dice } from '../../src/bin/play/dice.ts'
import type { Claimant, Square } from './people.ts'
import type { Promises } from './promises.ts'

export type ErrandOptions = {
  client: Client
  squares: readonly Square[]
  promises: Promises
  dice: Dice
  operatorKey: string
}

export type Errands = {
  /** Begins nothing any more; resolves when each that was begun has gone its way. */
  finish(): Promise<void>
}

const workers = 5
const restMs = { least: 50, most: 400 }
const takersAtOnce = 3
const ways = ['confirmed', 'confirmed', 'confirmed', 'settled', 'cancelled', 'left', 'given-back'] as const

export function startErrands(options: ErrandOptions): Errands {
  let isFinishing = false
  const work = Array.from({ length: workers }, (_, worker) => keepPosting(options, worker, () => isFinishing))
  return {
    async finish() {
      isFinishing = true
      await Promise.all(work)
    },
  }
}

async function keepPosting(options: ErrandOptions, worker: number, isOver: () => boolean): Promise<void> {
  const { dice } = options
  for (let errands = 0; !isOver(); errands++) {
    const square = dice.pick(options.squares)
    const errand = await post(options, square, `errand-${worker}-${errands}`)
    if (errand !== undefined) await go(options, errand)
    await sleep(dice.between(restMs.least, restMs.most))
  }
}

type Errand = {
  id: string
  key: string
  square: Square
  poster: string
  mode: 'choose' | 'first_taker'
  way: (typeof ways)[number]
}

type Step = { path: string; method: 'POST' | 'DELETE' }
type Asked = { credential: string; body?: object; idempotencyKey?: string }

/** The errand, or nothing where the rules refused it: a poster has twenty that have not ended at most. */
async function post(options: ErrandOptions, square: Square, key: string): Promise<Errand | undefined> {
  const { client, promises, dice } = options
  const poster = dice.pick(square.posters)
  const mode = dice.pick(['choose', 'first_taker'] as const)
  const priceMinor = String(dice.between(100, 5_000))
  const ask = () =>
    client.askUntilFinal({
      ...{ what: 'post', method: postServiceRequest.method, path: postServiceRequest.path },
      ...{ credential: poster, idempotencyKey: key },
      body: {
        place: { type: 'Point', coordinates: [square.place.lng, square.place.lat] },
        fix: { ...square.place, accuracyM: 8 },
        ...{ mode, category: 'queueing', text: 'Queue for me' },
        price: { amountMinor: priceMinor, currency: 'CNY' },
      },
    })
  const answer = await ask()
  if (answer?.status !== 201) {
    const isRule = ['request_limit', 'daily_limit'].includes(String(answer?.body.code))
    if (answer !== undefined && !isRule) promises.noteOdd(`${key}: ${JSON.stringify(answer)}`)
    return undefined
  }
  const again = dice.chance(0.2) ? await ask() : undefined
  for (const one of [answer, again])
    if (one !== undefined) promises.noteErrand(key, { id: String(one.body.id), priceMinor })
  return { id: String(answer.body.id), key, square, poster, mode, way: dice.pick([...ways]) }
}

/** One step; undefined where the run was over first. What is refused is odd, and ends the errand. */
async function take(
  { client, promises }: ErrandOptions,
  { id }: Errand,
  { path, method }: Step,
  asked: Asked,
): Promise<Answer | undefined> {
  const what = path.split('/').at(-1) ?? ''
  const answer = await client.askUntilFinal({ what, method, path: path.replace('{id}', id), ...asked })
  if (answer === undefined || answer.status === 200) return answer
  promises.noteOdd(`${what} of ${id}: ${JSON.stringify(answer)}`)
  return undefined
}

async function go(options: ErrandOptions, errand: Errand): Promise<void> {
  const { poster, way, key } = errand
  const step = (operation: Step, asked: Asked) => take(options, errand, operation, asked)
  const end = async (answer: Promise<Answer | undefined>) => noteEnd(options, errand, await answer)
  if (way === 'left') return
  if (way === 'cancelled' && options.dice.chance(0.5))
    return end(step(cancelServiceRequest, { credential: poster }))
  const provider = await (errand.mode === 'choose' ? choose(options, errand) : race(options, errand))
  if (provider === undefined) return
  const credential = provider.token
  if (way === 'given-back' && !(await step(cancelServiceRequest, { credential }))) return
  if (way === 'given-back' || way === 'cancelled')
    return end(step(cancelServiceRequest, { credential: poster }))
  await talk(options, errand, provider)
  const amount = { amountMinor: '150', currency: 'CNY' }
  const topUp = { credential: poster, idempotencyKey: `${key}-top-up`, body: { amount } }
  if (options.dice.chance(0.3)) {
    const raised = await step(topUpServiceRequest, topUp)
    if (raised === undefined) return
    const { amountMinor: priceMinor } = raised.body.price as { amountMinor: string }
    options.promises.noteErrand(key, { id: errand.id, priceMinor })
  }
  if (!(await step(deliverServiceRequest, { credential }))) return
  if (way === 'confirmed') return end(step(confirmServiceRequest, { credential: poster }))
  const dispute = { credential: poster, body: { reason: 'Nobody stood there' } }
  if (!(await step(disputeServiceRequest, dispute))) return
  const body = { providerMinor: String(options.dice.between(0, 100)), reason: 'heard both' }
  return end(
    step(splitServiceRequest, { credential: options.operatorKey, idempotencyKey: `${key}-split`, body }),
  )
}

function noteEnd({ promises }: ErrandOptions, { id }: Errand, answer: Answer | undefined): void {
  if (answer === undefined) return
  const { state, paid } = answer.body as { state: string; paid?: { amountMinor: string } }
  promises.noteErrandEnd(id, { state, paidMinor: paid?.amountMinor ?? '' })
}

/** Some offer, and the poster accepts one. */
async function choose(options: ErrandOptions, errand: Errand): Promise<Claimant | undefined> {
  const { square, poster } = errand
  const { dice } = options
  const offering = new Set([dice.pick(square.crowd), dice.pick(square.crowd)])
  const offers = await Promise.all(
    [...offering].map(async claimant => {
      const asked = { credential: claimant.token, body: {} }
      return { claimant, answer: await take(options, errand, offerOnServiceRequest, asked) }
    }),
  )
  const { claimant, answer } = dice.pick(offers)
  if (answer === undefined) return undefined
  const body = { offerId: String(answer.body.id) }
  const accepted = await take(options, errand, acceptOffer, { credential: poster, body })
  if (accepted === undefined) return undefined
  options.promises.noteTaken(errand.id, claimant.id)
  return claimant
}

/** Several take it at once; whoever is told so has it, and the others hear that it is in other hands. */
async function race(options: ErrandOptions, errand: Errand): Promise<Claimant | undefined> {
  const { client, promises, dice } = options
  const racing = new Set(Array.from({ length: takersAtOnce }, () => dice.pick(errand.square.crowd)))
  const answers = await Promise.all(
    [...racing].map(async claimant => {
      const { method, path } = takeServiceRequest
      const call = { what: 'take', method, path: path.replace('{id}', errand.id), credential: claimant.token }
      return { claimant, answer: await client.askUntilFinal(call) }
    }),
  )
  const winners = answers.filter(({ answer }) => answer?.status === 200)
  for (const { claimant } of winners) promises.noteTaken(errand.id, claimant.id)
  for (const { answer } of answers) {
    const isKnown = answer === undefined || answer.status === 200 || answer.body.code === 'wrong_state'
    if (!isKnown) promises.noteOdd(`take of ${errand.id}: ${JSON.stringify(answer)}`)
  }
  return winners[0]?.claimant
}

async function talk(options: ErrandOptions, errand: Errand, provider: Claimant): Promise<void> {
  for (const credential of [errand.poster, provider.token]) {
    const [clientId, text] = [randomUUID(), `I am ${options.dice.between(1, 60)} minutes away`]
    const said = await take(options, errand, sendMessage, { credential, body: { clientId, text } })
    if (said === undefined) return
    options.promises.noteMessage(String(said.body.id), { no: Number(said.body.no), text })
  }
}
