/**
 * One world of a transcript: an envelope is hidden at a point, everybody around looks, lists, asks, tries and is
 * refused in the same way as in every other world of the cell, and it ends. What they all were sent is the transcript.
 */
import { createHmac, hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { Cell } from '../../src/geo/cell.ts'
import { anchorOf } from '../../src/envelopes/anchor.ts'
import { bandOf } from '../../src/hints/band.ts'
import type { Point } from '../../src/geo/point.ts'
import { gridDisk } from 'h3-js'
import { cellAt, centreOf } from './hypothesis.ts'
import { type Client, hmacSecret, type Person, type TranscriptStage } from './transcript-stage.ts'

/** Whether an envelope in the cell is listed there, and whether it counts for the warmth. */
type Walker = { person: Person; client: Client; at: Point; isNear: boolean; isWarm: boolean }

export type Scene = {
  cell: string
  /** In the cell, and where each band and each warmth ends, so that whatever depends on more differs. */
  walkers: readonly Walker[]
  /** Comes anew in each world, and is told everything at once. */
  newcomer: Person
  /** Cannot pay: hiding is refused for that, unless it is refused for others' envelopes before. */
  pauper: Person
  /** Two more in the cell: the next one fills it, and lists have an order. */
  hasOthers: boolean
  nextHider(): Promise<Person>
  /** Everybody is still there: a position counts for a minute. */
  remain(): Promise<void>
  /** Leaves the cell as it was found. */
  strike(): Promise<void>
}

const standpointsM = [0, 150, 300, 500, 1_000, 2_000]

/** Well within the minute, however slow a world is. */
const standAgainMs = 10_000
/** Of the 50 that a player may hide a day. */
const hidesOfOne = 40

const fixAt = (at: Point, accuracyM = 8) => ({ fix: { ...at, accuracyM } })

export const hideBody = (at: Point, fixed: Point, shares = 2) => ({
  place: { type: 'Point', coordinates: [at.lng, at.lat] },
  total: { amountMinor: String(100 * shares), currency: 'CNY' },
  ...{ shares, split: 'equal', greeting: 'Hi', clue: { text: 'Look up' } },
  ...fixAt(fixed),
})

export async function setScene(stage: TranscriptStage, cell: string, hasOthers: boolean): Promise<Scene> {
  const centre = centreOf(cell)
  const other = await stage.recruit(400n)
  const others: string[] = []
  while (hasOthers && others.length < 2) {
    const body = hideBody(centre, centre)
    others.push(String((await other.demand({ method: 'POST', url: '/v1/envelopes', body })).id))
  }
  const walkers = await Promise.all(
    standpointsM.map((distanceM, i) => stand(stage, { cell, bearingDeg: 20 + 75 * i, distanceM })),
  )
  const newcomer = await stage.recruit()
  let stoodAtMs = Number.NEGATIVE_INFINITY
  let hider: { person: Person; hides: number } | undefined
  return {
    ...{ cell, walkers, hasOthers, newcomer, pauper: await stage.recruit() },
    async remain() {
      if (Date.now() - stoodAtMs < standAgainMs) return
      stoodAtMs = Date.now()
      await Promise.all(walkers.map(({ client, at }) => client.stand(at)))
      await newcomer.demand({ method: 'POST', url: '/v1/positions', body: fixAt(walkers[1]?.at as Point) })
    },
    async nextHider() {
      if (hider === undefined || hider.hides === hidesOfOne)
        hider = { person: await stage.recruit(200n * BigInt(hidesOfOne)), hides: 0 }
      hider.hides++
      return hider.person
    },
    async strike() {
      for (const { client } of walkers) client.socket.terminate()
      for (const id of others) await other.demand({ method: 'DELETE', url: `/v1/envelopes/${id}` })
    },
  }
}

type Step = { cell: string; bearingDeg: number; distanceM: number }

async function stand(stage: TranscriptStage, { cell, ...step }: Step): Promise<Walker> {
  const person = await stage.recruit()
  const [client, at] = [await person.play(), travelFrom(centreOf(cell), step)]
  const here = cellAt(at, 10)
  await client.stand(at)
  await client.frame('warmth')
  return {
    ...{ person, client, at },
    isNear: bandOf(here as Cell, cell as Cell) !== undefined,
    isWarm: measureM(centreOf(here), centreOf(cell)) <= 2_000,
  }
}

/** What to do where the envelope is; nothing more than its res-12 cell may show. */
type InReach = (envelopeId: string, note: Note) => Promise<void>
type Note = (what: string, text: string) => void

/** `isThorough`: asks everything there is to ask, and not only what has to do with places. */
export type World = { place: Point; isThorough: boolean; inReach?: InReach | undefined }

export async function playWorld(scene: Scene, { place, isThorough, inReach }: World): Promise<string[]> {
  const transcript: string[] = []
  const note: Note = (what, text) => void transcript.push(`${what}: ${mask(text)}`)
  await scene.remain()
  const before = scene.walkers.map(({ client }) => client.texts.length)
  const hider = await scene.nextHider()
  const body = hideBody(place, centreOf(scene.cell))
  const { id } = await hider.demand({ method: 'POST', url: '/v1/envelopes', body })
  const envelopeId = String(id)
  await awaitHints(scene, envelopeId, before)

  if (inReach === undefined) {
    await lookAround(scene, envelopeId, note)
    await tryFromAfar(scene, envelopeId, note)
    if (isThorough) await crawl(scene, envelopeId, note)
    await hider.demand({ method: 'DELETE', url: `/v1/envelopes/${envelopeId}` })
  } else await inReach(envelopeId, note)
  const reason = inReach === undefined ? 'closed' : 'empty'
  await awaitEnd(scene, envelopeId, { reason, before })
  if (isThorough) await lookBack(scene, envelopeId, note)

  scene.walkers.forEach(({ client }, i) => {
    for (const text of client.texts.slice(before[i])) note(`socket ${i}`, text)
  })
  return transcript
}

/** Where nothing else lies around, the warmth changes, too. */
async function awaitHints(
  { walkers, hasOthers }: Scene,
  envelopeId: string,
  before: number[],
): Promise<void> {
  const isIt = (frame: { envelopeId: string }) => frame.envelopeId === envelopeId
  await Promise.all(
    walkers.map(async ({ client, isNear, isWarm }, i) => {
      if (isNear) await client.frame('hint', isIt, before[i])
      if (isWarm && !hasOthers) await client.frame('warmth', ({ within2Km }) => within2Km !== '0', before[i])
    }),
  )
}

async function awaitEnd(
  { walkers, hasOthers }: Scene,
  envelopeId: string,
  { reason, before }: { reason: string; before: number[] },
): Promise<void> {
  const isIt = (frame: { envelopeId: string; reason: string }) =>
    frame.envelopeId === envelopeId && frame.reason === reason
  await Promise.all(
    walkers.map(async ({ client, isNear, isWarm }, i) => {
      if (isNear) await client.frame('gone', isIt, before[i])
      if (isWarm && !hasOthers) await client.frame('warmth', ({ within2Km }) => within2Km === '0', before[i])
    }),
  )
}

/** What the sockets tell anyway is listed where a band ends, where the list does, and where the warmth does. */
async function lookAround({ walkers }: Scene, envelopeId: string, note: Note): Promise<void> {
  for (const i of [1, 3, 4]) {
    const { person } = walkers[i] as Walker
    const list = await person.send({ method: 'GET', url: '/v1/envelopes' })
    checkOrder(list, person)
    note(`list ${i}`, list)
  }
  const { person } = walkers[3] as Walker
  note('get', await person.send({ method: 'GET', url: `/v1/envelopes/${envelopeId}` }))
}

/** Over REST and the socket; and in the cell, it is crowded, or there is no money. */
async function tryFromAfar({ cell, walkers, pauper }: Scene, envelopeId: string, note: Note): Promise<void> {
  const [, , warm, cool] = walkers as [Walker, Walker, Walker, Walker]
  const url = `/v1/envelopes/${envelopeId}/claims`
  note('claim', await warm.person.send({ method: 'POST', url, body: fixAt(warm.at) }))
  const [from, ref] = [cool.client.frames.length, `claim ${envelopeId}`]
  cool.client.send({ type: 'claim', id: ref, envelopeId, ...fixAt(cool.at) })
  await cool.client.frame('error', frame => frame.ref === ref, from)
  await tryToHide({ pauper, cell, there: cell }, note)
}

async function tryToHide(
  { pauper, cell, there }: { pauper: Person; cell: string; there: string },
  note: Note,
): Promise<void> {
  const body = hideBody(centreOf(there), centreOf(cell))
  note('hide', await pauper.send({ method: 'POST', url: '/v1/envelopes', body }))
}

async function crawl(scene: Scene, envelopeId: string, note: Note): Promise<void> {
  const { cell, walkers, newcomer, pauper } = scene
  const url = `/v1/envelopes/${envelopeId}`
  for (const [i, { person }] of walkers.entries()) {
    note(`list ${i}`, await person.send({ method: 'GET', url: '/v1/envelopes' }))
    note(`get ${i}`, await person.send({ method: 'GET', url }))
  }
  const { person } = walkers[5] as Walker
  for (const what of ['claims', 'claims?limit=1', 'verify', 'ledger'])
    note(what, await person.send({ method: 'GET', url: `${url}/${what}` }))
  note('close', await person.send({ method: 'DELETE', url }))
  note('claim, malformed', await person.send({ method: 'POST', url: `${url}/claims`, body: {} }))
  // One is near enough; a second voice would change the order of lists.
  const report = { method: 'POST' as const, url: `${url}/reports`, body: { reason: 'gone' } }
  for (const i of [0, 2, 5]) note(`report ${i}`, await (walkers[i] as Walker).person.send(report))
  for (const there of gridDisk(cell, 1).slice(0, 3)) await tryToHide({ pauper, cell, there }, note)

  const client = await newcomer.play()
  // Where they stood in the last world is looked around at once; only then they say that they still do.
  await client.frame('warmth')
  await client.stand(walkers[1]?.at as Point)
  for (const text of client.texts) note('newcomer', text)
  client.socket.terminate()
  await client.closed()
}

async function lookBack({ walkers }: Scene, envelopeId: string, note: Note): Promise<void> {
  const [here, hot, cool] = walkers as [Walker, Walker, Walker]
  const url = `/v1/envelopes/${envelopeId}`
  note('get, ended', await here.person.send({ method: 'GET', url }))
  note('list, ended', await here.person.send({ method: 'GET', url: '/v1/envelopes' }))
  note('claim, ended', await hot.person.send({ method: 'POST', url: `${url}/claims`, body: fixAt(hot.at) }))
  for (const what of ['claims', 'verify'])
    note(what, await cool.person.send({ method: 'GET', url: `${url}/${what}` }))
}

const heat = ['here', 'hot', 'warm', 'cool']

/**
 * Ids differ between worlds, so their order does: it has to be by band, and then the one that follows from the ids.
 * Computed anew here, as the order that ships may have come to depend on something else.
 */
function checkOrder(answer: string, { id: playerId }: Person): void {
  const { features } = JSON.parse(answer.slice(answer.indexOf('\n'))) as {
    features: { id: string; properties: { band: string } }[]
  }
  const key = createHmac('sha256', hmacSecret).update('hints').digest('base64url')
  const ranks = features.map(({ id, properties }) => {
    const rank = hash('sha256', `${key}${playerId}:${id}`, 'base64')
    return `${heat.indexOf(properties.band)} ${rank}`
  })
  if (ranks.join() !== [...ranks].sort().join()) throw new Error(`ordered by something else: ${answer}`)
}

/** Who has never been here, in the envelope's res-12 cell and around it: out of reach, on the border, within. */
export function claimAround(stage: TranscriptStage, cell12: string): InReach {
  const centre = centreOf(cell12)
  const from = (bearingDeg: number, distanceM: number) =>
    fixAt(centreOf(cellAt(travelFrom(centre, { bearingDeg, distanceM }), 12)), 40)
  return async (envelopeId, note) => {
    const [first, second] = [await stage.recruit(), await stage.recruit()]
    const url = `/v1/envelopes/${envelopeId}`
    /** Notes all of a reveal but the anchor, which has to be what follows from the ids and the cell. */
    const noteReveal = (what: string, { answer, player }: { answer: string; player: Person }) =>
      note(
        what,
        maskReveal(answer, anchorOf(hmacSecret, { envelopeId, playerId: player.id, cell12: cell12 as Cell })),
      )
    // Nobody goes farther than the accuracies add up to, and nobody looks after a win: whether that is too fast, or too
    // soon, depends on how much time the machine has.
    const distancesM = [115, 66, 54, 38]
    for (const distanceM of distancesM) {
      const request = { method: 'POST' as const, url: `${url}/reveal`, body: from(70, distanceM) }
      const answer = await askUntilFinal(() => first.send(request))
      noteReveal(`reveal at ${distanceM} m`, { answer, player: first })
    }
    for (const distanceM of distancesM) {
      const request = { method: 'POST' as const, url: `${url}/claims`, body: from(70, distanceM) }
      note(`claim at ${distanceM} m`, await askUntilFinal(() => first.send(request)))
    }
    const client = await second.play()
    let asked = 0
    const ask = (frame: object, type: 'claim.result' | 'reveal.result') =>
      askUntilFinal(async () => {
        const id = `c${++asked}`
        const isAnswer = ({ ref }: { ref?: string }) => ref === id
        client.send({ ...frame, id, envelopeId })
        return JSON.stringify(
          await Promise.race([client.frame(type, isAnswer), client.frame('error', isAnswer)]),
        )
      })
    for (const distanceM of [78, 62]) {
      const answer = await ask({ type: 'reveal', ...from(250, distanceM) }, 'reveal.result')
      noteReveal(`reveal at ${distanceM} m over the socket`, { answer, player: second })
    }
    const answer = await ask({ type: 'reveal', ...from(250, 0) }, 'reveal.result')
    noteReveal('reveal at 0 m over the socket', { answer, player: second })
    const ticket = /"ticket":"([\w-]+)"/.exec(answer)?.[1]
    if (ticket === undefined) throw new Error(`no ticket on the spot: ${answer}`)
    note('claim by ticket', await ask({ type: 'claim', ticket }, 'claim.result'))
    client.socket.terminate()
    await client.closed()
  }
}

/** A ticket is random to everybody else, and with the anchor the length of the answer goes. */
function maskReveal(answer: string, { lat, lng }: Point): string {
  const [anchor] = /"anchor":\{[^}]*\}/.exec(answer) ?? []
  if (anchor === undefined) return answer
  if (!anchor.includes(`"lat":${lat},"lng":${lng}`)) throw new Error(`an anchor by something else: ${answer}`)
  return answer
    .replace(anchor, '"anchor"')
    .replace(/"ticket":"[\w-]+"/, '"ticket"')
    .replace(/"content-length":"\d+"/, '"content-length"')
}

/** What a busy machine answers meanwhile says nothing but that: a claim is safe to repeat. */
async function askUntilFinal(ask: () => Promise<string>): Promise<string> {
  for (;;) {
    const answer = await ask()
    if (!/"status":"pending"|"code":"(try_again|unavailable)"/.test(answer)) return answer
    await sleep(50)
  }
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** Ids and what is made of them, times, and how much the one who asks may still ask. */
export const mask = (text: string): string =>
  text
    .replaceAll(uuid, 'id')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, 'time')
    .replaceAll(/"(date|ratelimit|request-id|server-timing)":"(\\"|[^"])*"/g, '"$1"')
    .replaceAll(/"seq":\d+/g, '"seq"')
    .replaceAll(/"ref":"c\d+"/g, '"ref"')
    .replaceAll(/"(commitment|seed)":"[0-9a-f]{64}"/g, '"$1"')
    .replaceAll(/"winner":"[^"]*"/g, '"winner"')
