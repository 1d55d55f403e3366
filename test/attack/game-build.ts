/** The server behind the oracle's port: what attackers ask is asked over REST or the socket, by real accounts. */
import { randomUUID } from 'node:crypto'

import { limits } from '#protocol/limits.ts'
import type { Operation } from '#protocol/operation.ts'
import { closeEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import { measureM } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { createRest, type Rest } from '../acceptance/rest.ts'
import { createRestEyes, createSocketEyes, type Eyes } from './eyes.ts'
import type { Account, Game } from './game.ts'
import type { Asked, Build, Oracle } from './oracle.ts'

/** An operation with the body of a claim that answers by whether the player is within reach. */
export type AskBy = {
  name: string
  operation: Operation
  /** Whoever was within reach once gets the same answer from anywhere. */
  winsOnce: boolean
}

export type GameBuildOptions = { wire: 'rest' | 'socket'; askBy?: AskBy; onText?: (text: string) => void }

/** Where more seem to be needed, something else is wrong. */
const mostAccounts = 2_000
/** Of a player's envelope that many accounts may win from. */
const shares = 200
/** What is hidden on the way counts, too. */
const hidesOfOne = 40

export function createGameBuild(game: Game, { wire, askBy, onText }: GameBuildOptions): Build {
  return {
    name: `ours, ${wire === 'rest' ? 'REST' : 'socket'}`,
    async plant(place) {
      const ports = createPorts(game, onText)
      const { token } = await game.recruitHider()
      const hider = createRest({ url: game.url, credential: token })
      const { id } = await hide(hider, place, shares)
      const eyes = createEyes(ports, { wire, envelopeId: id, url: game.url })
      const { crowd, isCrowded, disperse } = createCrowd(ports)
      const ask = askBy === undefined ? silent : createAsk(ports, { askBy, envelopeId: id })
      const { requests, accounts } = ports
      async function close(): Promise<void> {
        eyes.close()
        await Promise.all([disperse(), hider.get(closeEnvelope, { id })])
      }
      return { look: eyes.look, ask, crowd, isCrowded, requests, accounts, close }
    },
  }
}

const silent = async (): Promise<Asked> => ({ answer: 'silent' })

type Ports = ReturnType<typeof createPorts>

/** Counts what it takes. */
function createPorts(game: Game, onText: ((text: string) => void) | undefined) {
  let [requests, accounts] = [0, 0]
  const open = ({ token, address }: Account, tell = onText): Rest => {
    const headers = { 'x-forwarded-for': address }
    const rest = createRest({ url: game.url, credential: token, headers, ...(tell && { onText: tell }) })
    const counted = <A extends unknown[], R>(ask: (...args: A) => R) => {
      return (...args: A): R => {
        requests++
        return ask(...args)
      }
    }
    return { call: counted(rest.call), get: counted(rest.get), refusal: counted(rest.refusal) } as Rest
  }
  return {
    open,
    onText,
    async recruit(options?: { isHasty: boolean }): Promise<Account> {
      if (++accounts > mostAccounts) throw new Error('no account is listened to any more')
      return await game.recruit(options)
    },
    async recruitHider(): Promise<Rest> {
      accounts++
      // Whoever hides is told where their own lies.
      return open(await game.recruitHider(), () => undefined)
    },
    countFrames: (frames: number) => void (requests += frames),
    requests: () => requests,
    accounts: () => accounts,
  }
}

const hide = (hider: Rest, place: Point, shareCount: number) =>
  hider.get(hideEnvelope, { idempotencyKey: randomUUID(), body: hideBody(place, shareCount) })

const hideBody = (place: Point, shareCount: number) => ({
  place: { type: 'Point' as const, coordinates: [place.lng, place.lat] as [number, number] },
  total: { amountMinor: String(shareCount), currency: 'CNY' },
  shares: shareCount,
  split: 'equal' as const,
  fix: { ...place, accuracyM: 120 },
})

/** An account that goes no farther from where it began than its accuracies explain: it never moves too fast. */
type Local<T> = T & { home: Point }
const atHome = { eyesM: 110, claimM: 55 }

/** Looks through whichever account is near; each brings its own time. */
function createEyes(
  ports: Ports,
  { wire, envelopeId, url }: { wire: GameBuildOptions['wire']; envelopeId: string; url: string },
): Pick<Oracle, 'look'> & Pick<Eyes, 'close'> {
  const eyes = new Set<Local<Eyes>>()
  async function open(home: Point): Promise<Local<Eyes>> {
    const account = await ports.recruit({ isHasty: wire === 'socket' })
    const opened =
      wire === 'rest'
        ? createRestEyes(ports.open(account), envelopeId)
        : createSocketEyes({ url, account, envelopeId, ...ports })
    const local = { home, ...opened }
    eyes.add(local)
    return local
  }
  return {
    async look(at) {
      for (;;) {
        const near = [...eyes].find(({ home }) => measureM(home, at) <= atHome.eyesM) ?? (await open(at))
        const seen = await near.look(at)
        if (seen !== undefined) return seen
        near.close()
        eyes.delete(near)
      }
    },
    close: () => eyes.forEach(one => one.close()),
  }
}

const passing: readonly string[] = [
  ...['too_many_tries', 'position_refused', 'daily_limit'],
  ...['too_many_requests', 'try_again', 'unavailable'],
]

function createAsk(ports: Ports, { askBy, envelopeId }: { askBy: AskBy; envelopeId: string }): Oracle['ask'] {
  const { operation, winsOnce } = askBy
  const accounts: Local<{ rest: Rest }>[] = []
  return async at => {
    for (;;) {
      const near =
        accounts.find(({ home }) => measureM(home, at) <= atHome.claimM) ??
        ({ home: at, rest: ports.open(await ports.recruit()) } as const)
      if (!accounts.includes(near)) accounts.push(near)
      const body = { fix: { ...at, accuracyM: 60 } }
      const outcome = await near.rest.call(operation, { id: envelopeId, body })
      if (outcome.status === 'ok') {
        if (winsOnce) accounts.splice(accounts.indexOf(near), 1)
        return { answer: 'near' }
      }
      const { code, figures } = outcome.problem
      if (code === 'out_of_reach') {
        return { answer: 'far', ...(figures?.distanceM !== undefined && { distanceM: figures.distanceM }) }
      }
      if (!passing.includes(code)) throw new Error(`${operation.id}: ${JSON.stringify(outcome.problem)}`)
      // Metered, or not to be believed: another account goes on.
      accounts.splice(accounts.indexOf(near), 1)
    }
  }
}

function createCrowd(ports: Ports): Pick<Oracle, 'crowd' | 'isCrowded'> & { disperse(): Promise<void> } {
  const crowds: { partner: Rest; id: string }[] = []
  let hider: { rest: Rest; hides: number } | undefined
  async function take(): Promise<Rest> {
    if (hider === undefined || hider.hides >= hidesOfOne)
      hider = { rest: await ports.recruitHider(), hides: 0 }
    hider.hides++
    return hider.rest
  }
  return {
    async crowd(at) {
      const partner = await ports.recruitHider()
      for (let i = 1; i < limits.envelope.perCell10; i++)
        crowds.push({ partner, id: (await hide(partner, at, 1)).id })
    },
    async disperse() {
      for (const { partner, id } of crowds) await partner.get(closeEnvelope, { id })
    },
    async isCrowded(at) {
      const rest = await take()
      const body = hideBody(at, 1)
      const outcome = await rest.call(hideEnvelope, { idempotencyKey: randomUUID(), body })
      if (outcome.status === 'ok') {
        await rest.get(closeEnvelope, { id: outcome.body.id })
        return false
      }
      const { code, reason } = outcome.problem
      if (code === 'place_refused' && reason === 'crowded') return true
      throw new Error(`hiding was refused: ${JSON.stringify(outcome.problem)}`)
    },
  }
}
