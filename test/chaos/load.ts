/**
 * The load: at every square envelopes are hidden, claimed by the crowd, closed, and left to expire, with the retries of
 * real clients. Some ask twice at once, and some ask again long after; whatever was answered has to stay true.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { closeEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import type { Answer, Client } from './client.ts'
import type { Dice } from './dice.ts'
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

type Game = { id: string; square: Square; hider: Hider; isOver: boolean }

const workers = 96
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
  const { squares, dice, rate } = options
  const live: Game[] = []
  const ended: Game[] = []
  let isFinishing = false
  let hides = 0
  let nextMs = Date.now()

  /** Claims are begun one after the other, however many wait. */
  async function takeTurn(): Promise<void> {
    const nowMs = Date.now()
    nextMs = Math.max(nextMs + 1_000 / rate, nowMs)
    await sleep(nextMs - nowMs)
  }

  function end(game: Game): void {
    if (game.isOver) return
    game.isOver = true
    live.splice(live.indexOf(game), 1)
    ended.push(game)
    if (ended.length > remembered) ended.shift()
  }

  async function hideMore(): Promise<void> {
    while (!isFinishing) {
      const square = dice.pick(squares)
      const hider = dice.pick(square.hiders)
      const game =
        live.length < options.envelopes && (await hide(options, { square, hider, key: `hide-${hides++}` }))
      if (game) {
        live.push(game)
        if (dice.chance(chances.close)) void track(closeLater(game))
      }
      await sleep(game ? 20 : 200)
    }
  }

  async function closeLater(game: Game): Promise<void> {
    await sleep(dice.between(200, 8_000))
    await close(options, game)
    end(game)
  }

  async function keepClaiming(): Promise<void> {
    while (!isFinishing) {
      await takeTurn()
      const isLate = ended.length > 0 && (live.length === 0 || dice.chance(chances.askEnded))
      const game = isLate ? dice.pick(ended) : live.length > 0 ? dice.pick(live) : undefined
      if (game === undefined) continue
      const player = dice.pick(game.square.crowd)
      const times = dice.chance(chances.askTwice) ? 2 : 1
      const results = await Promise.all(Array.from({ length: times }, () => claim(options, game, player)))
      if (results.includes('ended')) end(game)
      if (dice.chance(chances.askAgain)) await claim(options, game, player)
    }
  }

  const under = new Set<Promise<void>>()
  function track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => under.delete(tracked))
    under.add(tracked)
    return tracked
  }
  for (let i = 0; i < workers; i++) void track(keepClaiming())
  void track(hideMore())

  return {
    async visitAll() {
      await Promise.all([...live].map(game => claim(options, game, dice.pick(game.square.crowd))))
    },
    async finish() {
      isFinishing = true
      while (under.size > 0) await Promise.all(under)
    },
  }
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
    return { id, square, hider, isOver: false }
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
