/**
 * The promise: outside reveal and claim, all points of one res-10 cell are indistinguishable in every byte that we
 * send, over a socket that breaks and is resumed, too. The same probes are replayed with the envelope at another point
 * of its cell, and the transcripts compared.
 */
import { cellToChildren, getPentagons } from 'h3-js'
import t, { type Test } from 'tap'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { openClient } from './client.ts'
import { createPlayStage } from './play-stage.ts'

const stage = await createPlayStage(t)

const cell10Of = (point: Point): Cell => coarsen(locateCell(point), 10)
const goFrom = (start: Point, bearingDeg: number, distanceM: number): Point =>
  travelFrom(start, { bearingDeg, distanceM })

/** All that a walker is sent, over socket and REST, on a way past an envelope that then ends; with an empty index. */
async function walkPast(t: Test, hidden: Cell, cell10: Cell): Promise<string[]> {
  const envelope = await stage.plant(hidden, { greeting: 'Hi', clue: 'Look up' })
  const server = await stage.startServer()
  const playerId = await stage.signUp(120)
  let client = openClient(t, server, { playerId })
  const { sessionId } = await client.frame('welcome')
  const answers: string[] = []
  for (const bearingDeg of [20, 200]) {
    for (let distanceM = 640; distanceM >= 0; distanceM -= 80) {
      await client.stand(goFrom(centreOf(cell10), bearingDeg, distanceM))
      const headers = { authorization: `Bearer ${playerId}` }
      const list = await server.app.inject({ url: '/v1/envelopes', headers })
      answers.push(list.body, JSON.stringify({ ...list.headers, date: 'now' }))
    }
  }
  // The socket breaks, and the session goes on over another one, from a frame in the middle.
  const broken = client
  broken.socket.terminate()
  await broken.closed()
  client = openClient(t, server, { playerId, resume: { sessionId, seq: broken.frames.length - 3 } })
  const { resumed } = await client.frame('welcome')
  t.same(resumed, { frames: 3 })
  await stage.endInRecord(envelope.id, 'closed')
  stage.announcer.envelopeEnded({ ...envelope, reason: 'closed' })
  await client.frame('gone', ({ envelopeId, reason }) => envelopeId === envelope.id && reason === 'closed')
  const bytes = [...broken.texts, ...client.texts, ...answers]
  // Five decimals are a metre; a border of the hint cell may share one of the two numbers, not both.
  const metre = (degrees: number) => (/^-?\d+\.\d{5}/.exec(String(degrees)) ?? [''])[0]
  const [lat, lng] = [metre(centreOf(hidden).lat), metre(centreOf(hidden).lng)]
  for (const text of bytes) {
    if (text.includes(lat) && text.includes(lng)) t.fail(`the place is in ${text}`)
    if (text.includes(hidden)) t.fail(`the res-12 cell is in ${text}`)
  }
  await server.close()
  return bytes.map(mask)
}

/** Ids and times differ from one walk to the next; nothing else may. */
const mask = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'id')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, 'time')

const [pentagon = ''] = getPentagons(10)
const places: Record<string, Cell> = {
  'in Shanghai': cell10Of({ lat: 31.2304, lng: 121.4737 }),
  'across the antimeridian': cell10Of({ lat: -16.5, lng: 179.9999 }),
  'beside a pentagon': cell10Of(goFrom(centreOf(pentagon as Cell), 90, 130)),
  'in the far north': cell10Of({ lat: 89.99, lng: 12 }),
}

for (const [where, cell10] of Object.entries(places)) {
  t.test(`the walk says the same wherever in its cell the envelope is: ${where}`, async t => {
    const points = cellToChildren(cell10, 12) as Cell[]
    const [first, last] = [points[3], points.at(-2)]
    if (first === undefined || last === undefined) throw new Error('a cell has children')
    const transcript = await walkPast(t, first, cell10)
    t.same(await walkPast(t, last, cell10), transcript)
    t.ok(
      transcript.some(text => text.includes('"band":"here"')),
      'and says something',
    )
  })
}
