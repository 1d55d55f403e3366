/** Somebody who plays: a new account with its REST client and, once opened, its socket; all they hear is kept. */
import type { Test } from 'tap'
import { signUpPlayer } from '#protocol/rest/players.ts'
import type { Banner } from './launch.ts'
import { openPlay, type Play } from './play.ts'
import { createRest, type Rest } from './rest.ts'

export type Point = { lat: number; lng: number }
export type Fix = Point & { accuracyM: number; crs?: 'wgs84' | 'gcj02' | 'bd09' }

export const fixAt = ({ lat, lng }: Point): Fix => ({ lat, lng, accuracyM: 8 })

const METRES_PER_DEGREE = 111_320

export const north = ({ lat, lng }: Point, metres: number): Point => ({
  lat: lat + metres / METRES_PER_DEGREE,
  lng,
})

export type Person = Rest & {
  id: string
  token: string
  /** Bodies, headers and frames, as they came. */
  heard: readonly string[]
  /** Opens a socket and stands somewhere. */
  play(where?: Point): Promise<Play>
}

/** `timeScale` multiplies the person's time, so that a walk of minutes takes seconds. */
export async function signUp(
  t: Test,
  { url, socketUrl }: Banner,
  { timeScale = 1 }: { timeScale?: number } = {},
): Promise<Person> {
  const { player, token } = await createRest({ url }).get(signUpPlayer, { body: { timeScale } })
  const heard: string[] = []
  const onText = (text: string) => heard.push(text)
  return {
    ...createRest({ url, credential: token, onText }),
    id: player.id,
    token,
    heard,
    async play(where) {
      const play = openPlay(t, { socketUrl, token, onText })
      await play.frame('welcome')
      if (where !== undefined) await stand(play, where)
      return play
    },
  }
}

/** Says where one stands until it counts and hints come: whoever is too fast waits and says it again. */
export async function stand(play: Play, where: Point): Promise<void> {
  for (;;) {
    const ack = await play.ask({ type: 'position', fix: fixAt(where) })
    if (ack.type !== 'position.ack' || !ack.accepted) throw new Error(`not here: ${JSON.stringify(ack)}`)
    if (ack.paused === undefined) return
  }
}

/** Walks in a straight line, in steps of 30 m at most. */
export async function walk(play: Play, from: Point, to: Point): Promise<void> {
  const distanceM = Math.hypot(to.lat - from.lat, to.lng - from.lng) * METRES_PER_DEGREE
  const steps = Math.ceil(distanceM / 30)
  for (let step = 1; step <= steps; step++) {
    const part = step / steps
    const lat = from.lat + (to.lat - from.lat) * part
    await stand(play, { lat, lng: from.lng + (to.lng - from.lng) * part })
  }
}

/** Asks until the speed of the way here no longer counts, as a phone does that is told it is too fast. */
export async function askAtRest(play: Play, question: Parameters<Play['ask']>[0]): ReturnType<Play['ask']> {
  for (;;) {
    const answer = await play.ask(question)
    const isTooFast =
      answer.type === 'error' && answer.code === 'position_refused' && answer.reason === 'speed'
    if (!isTooFast) return answer
  }
}
