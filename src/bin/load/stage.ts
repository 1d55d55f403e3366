/** A crowd of new players and the envelopes that they will ask for, made through the API like anybody's. */
import { randomUUID } from 'node:crypto'
import { hideEnvelope } from '#protocol/rest/envelopes.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import type { Fix } from '#protocol/scalars.ts'
import { travelFrom } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'
import { createRestClient, demand } from '../play/rest-client.ts'
import type { Layout } from './plan.ts'

export type Claimant = { id: string; token: string; fix: Fix }
export type Target = { id: string; shares: number; totalMinor: bigint }
export type Stage = { claimants: readonly Claimant[]; targets: readonly Target[] }

export type StageOptions = {
  url: string
  merchantKey: string
  layout: Layout
  /** Of each envelope. */
  shares: number
  /** How long the envelopes live. */
  livesMs: number
  say: (line: string) => void
}

/** The middle of Shanghai; the places lie around it. */
const centre: Point = { lat: 31.2304, lng: 121.4737 }
const APART_M = 400
const ACCURACY_M = 8
const AT_ONCE = 8
const PER_SHARE_MINOR = 10n

/** On a square spiral around the centre would do as well: rows, one after the other. */
export function placeAt(index: number, places: number): Point {
  const perRow = Math.ceil(Math.sqrt(places))
  const row = travelFrom(centre, { bearingDeg: 0, distanceM: Math.floor(index / perRow) * APART_M })
  return travelFrom(row, { bearingDeg: 90, distanceM: (index % perRow) * APART_M })
}

/** Throws a `ServerFault` where the server is no sandbox, or the key is not good for hiding. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { layout, say } = options
  say(`${layout.envelopes} envelopes of ${options.shares} shares are hidden at ${layout.places} places`)
  const targets = await hideAll(options)
  say(`${layout.players} players sign up`)
  const claimants = await gather(options.url, layout)
  return { claimants, targets }
}

const hideAll = ({ layout: { envelopes, places }, ...options }: StageOptions): Promise<Target[]> =>
  hideAt({ ...options, points: Array.from({ length: envelopes }, (_, i) => placeAt(i % places, places)) })

export type HideOptions = Omit<StageOptions, 'layout' | 'say'> & { points: readonly Point[] }

/** One envelope at each point, in their order. */
export async function hideAt({ url, merchantKey, shares, livesMs, points }: HideOptions): Promise<Target[]> {
  const client = createRestClient({ url, credential: merchantKey })
  const run = randomUUID()
  const totalMinor = BigInt(shares) * PER_SHARE_MINOR
  const expiresAt = new Date(Date.now() + livesMs).toISOString()
  return inTurn(points, async ({ lat, lng }, i) => {
    const hidden = await client.call(hideEnvelope, {
      idempotencyKey: `load-${run}-${i}`,
      body: {
        place: { type: 'Point', coordinates: [lng, lat] },
        total: { amountMinor: String(totalMinor), currency: 'CNY' },
        ...{ shares, split: 'lucky', expiresAt },
      },
    })
    return { id: demand(hidden, 'hiding an envelope').id, shares, totalMinor }
  })
}

/** Each stands where the envelopes of their place lie. */
const gather = (url: string, { players, places }: Pick<Layout, 'players' | 'places'>) =>
  signUpAt({ url, points: Array.from({ length: players }, (_, i) => placeAt(i % places, places)) })

/** One player for each point, in their order; `timeScale`: how fast their clocks run. */
export function signUpAt(options: { url: string; points: readonly Point[]; timeScale?: number }) {
  const { url, points, timeScale = 1 } = options
  const client = createRestClient({ url })
  return inTurn(points, async (point): Promise<Claimant> => {
    const answer = await client.call(signUpPlayer, { body: { timeScale } })
    const { player, token } = demand(answer, 'signing up (only a sandbox lets anybody in)')
    return { id: player.id, token, fix: { ...point, accuracyM: ACCURACY_M } }
  })
}

/** Some at a time; results in their order. */
async function inTurn<I, T>(items: readonly I[], make: (item: I, index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  const waiting = items.entries()
  async function work(): Promise<void> {
    for (const [index, item] of waiting) made[index] = await make(item, index)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work))
  return made
}
