/**
 * The load: at every square envelopes are hidden, claimed by the crowd, closed, and left to expire, with the retries of
 * real clients. Some ask twice at once, and some ask again long after; whatever was answered has to stay true.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { closeEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import type { Answer, Client } from './client.ts'
import type { Dice } from '../../src/bin/play/dice.ts'
import type { Claimant, Hider, Square } from './people.ts'
import type { Promises } from './promises.ts'

export type LoadOptions = {
  client: Client
  squares: readonly Square[]
  promises: Promises
  dice: Dice
  /** Claims that are begun a second, at most. */
  rate: number
  /** Envelopes in play at a time. */
  envelopes: number
}

export type Load = {
  /** Lets one more claimant ask for each envelope that may be live, as players do every day. */
  visitAll(): Promise<void>
  /** Begins nothing any more; resolves when whoever asked has a final answer. */
  finish(): Promise<void>
}

type Game = { id: string; square: Square; hider: Hider }

const workers = 192
/** Several, so that a hide that waits for an answer does not leave everybody without envelopes. */
const planters = 6
/** Of the envelopes that ended, so many are still asked for. */
const remembered = 40
const chances = {
  askEnded: 0.45,
  askTwice: 0.1,
  askAgain: 0.1,
  close: 0.2,
  expireSoon: 0.25,
  manyShares: 0.2,
}

export function startLoad(options: LoadOptions): Load {
  const games = createGames(options.dice)
  const work = new Set<Promise<void>>()
  let isFinishing = false
  const track = (begun: Promise<void>): void => {
    const tracked = begun.finally(() => work.delete(tracked))
    work.add(tracked)
  }
  const takeTurn = createPace(options.rate)
  const isOver = () => isFinishing
  for (let i = 0; i < workers; i++) track(keepClaiming(options, { games, takeTurn, isOver }))
  for (let i = 0; i < planters; i++)
    track(keepHiding(options, { games, track, isOver, name: `planter-${i}` }))
  return {
    async visitAll() {
      await Promise.all(
        [...games.live].map(game => claim(options, game, options.dice.pick(game.square.crowd))),
      )
    },
    async finish() {
      isFinishing = true
      while (work.size > 0) await Promise.all(work)
    },
  }
}

/** The envelopes in play, and the latest of those that ended. */
function createGames(dice: Dice) {
  const live: Game[] = []
  const ended: Game[] = []
  return {
    live,
    pick(): Game | undefined {
      const isLate = ended.length > 0 && (live.length === 0 || dice.chance(chances.askEnded))
      if (isLate) return dice.pick(ended)
      return live.length === 0 ? undefined : dice.pick(live)
    },
    end(game: Game): void {
      const place = live.indexOf(game)
      if (place === -1) return
      live.splice(place, 1)
      ended.push(game)
      if (ended.length > remembered) ended.shift()
    },
  }
}

type Games = ReturnType<typeof createGames>

/** Claims are begun one after the other, however many wait for their answer. */
function createPace(rate: number): () => Promise<void> {
  let nextMs = Date.now()
  return async () => {
    const nowMs = Date.now()
    nextMs = Math.max(nextMs + 1_000 / rate, nowMs)
    await sleep(nextMs - nowMs)
  }
}

type Claiming = { games: Games; takeTurn: () => Promise<void>; isOver: () => boolean }

async function keepClaiming(options: LoadOptions, { games, takeTurn, isOver }: Claiming): Promise<void> {
  const { dice } = options
  while (!isOver()) {
    await takeTurn()
    const game = games.pick()
    if (game === undefined) continue
    const player = dice.pick(game.square.crowd)
    const times = dice.chance(chances.askTwice) ? 2 : 1
    const results = await Promise.all(Array.from({ length: times }, () => claim(options, game, player)))
    if (results.includes('ended')) games.end(game)
    if (dice.chance(chances.askAgain)) await claim(options, game, player)
  }
}

type Hiding = { games: Games; track: (work: Promise<void>) => void; isOver: () => boolean; name: string }

async function keepHiding(options: LoadOptions, { games, track, isOver, name }: Hiding): Promise<void> {
  const { dice, squares } = options
  for (let hides = 0; !isOver(); ) {
    if (games.live.length >= options.envelopes) {
      await sleep(50)
      continue
    }
    const square = dice.pick(squares)
    const game = await hide(options, { square, hider: dice.pick(square.hiders), key: `${name}-${hides++}` })
    if (game === undefined) continue
    games.live.push(game)
    if (dice.chance(chances.close)) track(closeLater(options, game, games))
  }
}

async function closeLater(options: LoadOptions, game: Game, games: Games): Promise<void> {
  await sleep(options.dice.between(200, 8_000))
  await close(options, game)
  games.end(game)
}

const fixAt = ({ place }: Square) => ({ ...place, accuracyM: 8 })

async function claim(
  { client, promises }: LoadOptions,
  { id, square }: Game,
  player: Claimant,
): Promise<'won' | 'ended' | 'unknown'> {
  const answer = await client.askUntilFinal({
    what: 'claim',
    method: claimEnvelope.method,
    path: claimEnvelope.path.replace('{id}', id),
    credential: player.token,
    body: { fix: fixAt(square) },
  })
  const pair = `${id} ${player.id}`
  if (answer === undefined) return 'unknown'
  if (answer.status === 200) {
    const { amountMinor } = answer.body.amount as { amountMinor: string }
    promises.noteWin(pair, { claimId: String(answer.body.claimId), amountMinor })
    return 'won'
  }
  if (answer.body.code === 'ended') {
    promises.noteLoss(pair)
    return 'ended'
  }
  promises.noteOdd(`claim of ${pair}: ${JSON.stringify(answer)}`)
  return 'unknown'
}

type Plan = { square: Square; hider: Hider; key: string }

/** The game, or nothing where the rules refused it: players hide three in a cell at most. */
async function hide({ client, promises, dice }: LoadOptions, plan: Plan): Promise<Game | undefined> {
  const { square, hider, key } = plan
  const shares = dice.chance(chances.manyShares) ? dice.between(50, 150) : dice.between(1, 20)
  const totalMinor = String(shares * dice.between(1, 50) + dice.between(0, 99))
  const answer = await client.askUntilFinal({
    what: 'hide',
    method: hideEnvelope.method,
    path: hideEnvelope.path,
    credential: hider.credential,
    idempotencyKey: key,
    body: {
      place: { type: 'Point', coordinates: [square.place.lng, square.place.lat] },
      total: { amountMinor: totalMinor, currency: 'CNY' },
      shares,
      split: dice.pick(['equal', 'lucky']),
      ...(hider.kind === 'player' && { fix: fixAt(square) }),
      ...(dice.chance(chances.expireSoon) && { expiresAt: new Date(Date.now() + 75_000).toISOString() }),
    },
  })
  if (answer?.status === 201) {
    const id = String(answer.body.id)
    promises.noteHide(key, { id, totalMinor, shares })
    return { id, square, hider }
  }
  if (answer !== undefined && !isRule(answer)) promises.noteOdd(`${key}: ${JSON.stringify(answer)}`)
  return undefined
}

/** `expiry_past`: it was tried again for longer than the envelope could have lived. */
const isRule = ({ body }: Answer): boolean =>
  body.code === 'daily_limit' || body.reason === 'crowded' || body.reason === 'expiry_past'

async function close({ client, promises }: LoadOptions, { id, hider }: Game): Promise<void> {
  const ask = () =>
    client.askUntilFinal({
      what: 'close',
      method: closeEnvelope.method,
      path: closeEnvelope.path.replace('{id}', id),
      credential: hider.credential,
    })
  // A close is safe to repeat, and says the same.
  for (const answer of [await ask(), await ask()]) {
    if (answer?.status === 200) {
      promises.noteClose(id, (answer.body.refund as { amountMinor: string }).amountMinor)
    } else if (answer !== undefined && answer.body.code !== 'ended') {
      promises.noteOdd(`close of ${id}: ${JSON.stringify(answer)}`)
    }
  }
}
