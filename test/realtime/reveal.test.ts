/**
 * A whole server, with revealing and claiming in reach: what is said depends on the res-12 cell of the envelope and on
 * nothing finer, and the exact place is in no answer, frame or log before a win. Then what the hider hears of it all.
 */
import t, { type Test } from 'tap'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { createApp } from '../../src/app.ts'
import { centreOf, locateCell } from '../../src/geo/cell.ts'
import { fromWgs84 } from '../../src/geo/datum.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { pointInCell } from '../../src/geo/point-in-cell.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { openClient } from './client.ts'

const world = await createWorld(t)
const logs: string[] = []
const config = requireReady(
  loadConfig({
    ...{ MODE: 'sandbox', OPERATOR_KEY: `hbo_${'o'.repeat(40)}` },
    ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    ...{ JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
  }),
)
const log = createLogger('trace', { write: line => void logs.push(line) })
const { clock, random, redisPrefix } = world
const app = await createApp({ config, clock, random, log, redisPrefix })
t.teardown(app.close)
const url = `${(await app.http.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')}/v1/play`

type Json = Record<string, unknown>
type Person = { id: string; token: string }

let keys = 0
async function send(
  person: Person | undefined,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  payload?: object,
) {
  const reply = await app.http.inject({
    ...{ method, url: path },
    headers: {
      ...(person && { authorization: `Bearer ${person.token}` }),
      ...(path === '/v1/envelopes' && { 'idempotency-key': `key-${++keys}` }),
    },
    ...(payload && { payload }),
  })
  // When, and for how long the server waited, is another one each time.
  const { date: _, ratelimit: __, 'content-length': ___, 'server-timing': ____, ...headers } = reply.headers
  return { status: reply.statusCode, body: reply.json<Json>(), text: reply.body, headers }
}

async function signUp(): Promise<Person> {
  const { body } = await send(undefined, 'POST', '/v1/players', {})
  return { id: (body.player as { id: string }).id, token: String(body.token) }
}

const fixAt = ({ lat, lng }: Point, accuracyM = 8) => ({ lat, lng, accuracyM })
const hide = (person: Person, place: Point, more: object = {}) =>
  send(person, 'POST', '/v1/envelopes', {
    place: { type: 'Point', coordinates: [place.lng, place.lat] },
    total: { amountMinor: '100', currency: 'CNY' },
    ...{ shares: 100, split: 'equal', fix: fixAt(place), ...more },
  })

const connect = async (t: Test, { token }: Person) => {
  const client = openClient(t, { url }, { protocols: ['hexbao.v1', `bearer.${token}`] })
  await client.frame('welcome')
  let asked = 0
  const ask = async (frame: Json) => {
    const id = `a${++asked}`
    client.send({ ...frame, id })
    for (;;) {
      const answer = client.frames.find(({ ref }) => ref === id)
      if (answer !== undefined) return answer
      await clock.sleep(5)
    }
  }
  return { ...client, ask }
}

/** Ids, tickets and times: all that may differ. Requests' ids are random ones. */
const masked = (text: string) =>
  text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replace(/"ticket":"[\w-]+"/g, '"ticket":"T"')
    .replace(/"request-id":"[\w-]+"/g, '"request-id":"R"')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')

/** All that a player hears who asks, in reach and out of it, over HTTP and the socket. */
async function ask(t: Test, seeker: Person, { id, cell }: { id: string; cell: Point }): Promise<string[]> {
  // The tries of the hour before are forgotten.
  clock.advance(3_700_000)
  const heard: string[] = []
  const socket = await connect(t, seeker)
  for (const [bearingDeg, distanceM] of [
    [40, 104],
    [40, 75],
    [40, 52],
    [40, 30],
    [220, 8],
    [130, 58],
    [310, 66],
  ] as const) {
    clock.advance(30_000)
    const fix = fixAt(travelFrom(cell, { bearingDeg, distanceM }))
    const answer = await send(seeker, 'POST', `/v1/envelopes/${id}/reveal`, { fix })
    heard.push(JSON.stringify(answer.headers), answer.text)
    const frame = await socket.ask({ type: 'reveal', envelopeId: id, fix })
    heard.push(JSON.stringify(frame))
    if (answer.status !== 403) continue
    const claim = await send(seeker, 'POST', `/v1/envelopes/${id}/claims`, { fix })
    heard.push(JSON.stringify(claim.headers), claim.text)
  }
  socket.socket.terminate()
  // A newcomer each time wins by the ticket, and says so to nobody.
  const winner = await signUp()
  const revealed = await send(winner, 'POST', `/v1/envelopes/${id}/reveal`, { fix: fixAt(cell) })
  const { anchor: _, ...rest } = revealed.body
  const won = await send(winner, 'POST', `/v1/envelopes/${id}/claims`, { ticket: rest.ticket })
  heard.push(JSON.stringify(rest), won.text)
  return heard.map(masked)
}

/** To five decimals, a metre. */
const digitsOf = ({ lat, lng }: Point) => [lat, lng].map(degrees => degrees.toFixed(9).slice(0, -4))
/** A reveal's anchor is a number of its own: it may fall within a metre of the place, and is held to all its digits. */
const anchorPattern = /"anchor":\{[^}]*\}/
const tells = (said: string, place: Point): boolean => {
  const [anchor = ''] = anchorPattern.exec(said) ?? []
  const elsewhere = said.replace(anchorPattern, '')
  return (
    digitsOf(place).every(digits => elsewhere.includes(digits)) ||
    [place.lat, place.lng].every(degrees => anchor.includes(degrees.toFixed(7)))
  )
}

const squares: Record<string, Point> = {
  'in a town': { lat: 31.230412, lng: 121.473723 },
  'beside a pentagon': { lat: 39.1003, lng: 122.3002 },
  'on the antimeridian': { lat: -17.2, lng: 180 - 1e-6 },
  'in the north': { lat: 78.22334, lng: 15.64689 },
}
for (const [where, square] of Object.entries(squares)) {
  t.test(`reveal and claim say the same wherever in its res-12 cell the envelope is: ${where}`, async t => {
    const [hider, seeker] = [await signUp(), await signUp()]
    const cell12 = locateCell(square)
    const corners = [0.05, 0.3, 0.55, 0.8].map(chance => {
      const numbers = [chance, 0.999, chance]
      let drawn = 0
      return pointInCell(cell12, () => numbers[drawn++ % 3] ?? 0)
    })
    const [first] = corners
    if (first === undefined) throw new Error('a cell has points')
    const { body, status } = await hide(hider, first)
    t.equal(status, 201)
    const id = String(body.id)
    const transcripts: string[][] = []
    for (const place of corners) {
      await world.ownerDatabase.query(
        {
          name: 'move',
          text: 'update envelopes set place = st_setsrid(st_makepoint($2, $3), 4326) where id = $1',
        },
        [id, place.lng, place.lat],
      )
      transcripts.push(await ask(t, seeker, { id, cell: centreOf(cell12) }))
    }
    const [transcript = [], ...others] = transcripts
    for (const other of others) t.same(other, transcript)
    const text = transcript.join('\n')
    t.match(text, '"status":"revealed"', 'and says something')
    t.match(text, '"code":"out_of_reach"')
    t.match(text, '"status":"claimed"')
    const spread = Math.max(...corners.map(corner => measureM(corner, first)))
    t.ok(spread > 8, `of points that lie ${spread.toFixed(1)} m apart`)
    const everything = [...transcripts.flat(), ...logs]
    for (const place of corners) {
      const exact = everything.filter(said => tells(said, place))
      t.same(exact, [], 'no exact place')
    }
    t.notMatch(everything.join('\n'), /\b8[b-f][0-9a-f]{13}\b/, 'and no cell finer than the hint')
    const anchors = [...text.matchAll(/"anchor":\{"lat":(-?[\d.]+),"lng":(-?[\d.]+)/g)]
    t.ok(anchors.length > 0)
    for (const [, lat, lng] of anchors) t.equal(locateCell({ lat: Number(lat), lng: Number(lng) }), cell12)
    t.notMatch(logs.join('\n'), new RegExp(anchors[0]?.[1] ?? 'none'), 'no anchor in a log')
  })
}

t.test('the hider hears of finds, thanks, the end, and who had the best luck', async t => {
  const place = { lat: 30.6574, lng: 104.0657 }
  const [hider, mei, wang] = [await signUp(), await signUp(), await signUp()]
  const ears = await connect(t, hider)
  const { body } = await hide(hider, place, { shares: 2, split: 'lucky' })
  const id = String(body.id)
  const claimOf = async (person: Person) => {
    const revealed = await send(person, 'POST', `/v1/envelopes/${id}/reveal`, { fix: fixAt(place) })
    return send(person, 'POST', `/v1/envelopes/${id}/claims`, { ticket: revealed.body.ticket })
  }
  const thank = (person: Person, claimId: unknown, text: string) =>
    send(person, 'POST', `/v1/claims/${String(claimId)}/thanks`, { text })

  const win = await claimOf(mei)
  t.match(win, { status: 200, body: { status: 'claimed' } })
  const { claimId } = win.body
  const found = await ears.frame('envelope.found')

  t.match(await thank(mei, claimId, 'turned \u202e'), {
    status: 422,
    body: { code: 'thanks_refused', reason: 'text_refused', detail: /direction/ },
  })
  t.match(
    await thank(wang, claimId, 'Thanks!'),
    { status: 404, body: { code: 'claim_not_settled' } },
    'not theirs',
  )
  const [once, twice] = await Promise.all([thank(mei, claimId, ' 谢谢! '), thank(mei, claimId, '谢谢!')])
  t.match(once, { status: 200, body: { claimId, envelopeId: id, thanks: '谢谢!' } })
  t.same(twice.body, once.body, 'the same again is the same')
  t.match(await thank(mei, claimId, 'Thanks!'), {
    status: 422,
    body: { code: 'thanks_refused', reason: 'said_already' },
  })
  const thanked = await ears.frame('envelope.thanked')
  t.match(thanked, { envelopeId: id, claimId, winner: found.winner, text: '谢谢!' })
  t.match((await send(mei, 'GET', `/v1/claims/${String(claimId)}`)).body, { thanks: '谢谢!' })
  t.match((await send(mei, 'GET', '/v1/claims')).body, { items: [{ thanks: '谢谢!' }] })

  clock.advance(1_000)
  t.match(await claimOf(wang), { status: 200 })
  const ended = await ears.frame('envelope.ended')
  const listed = await send(hider, 'GET', `/v1/envelopes/${id}/claims`)
  const items = listed.body.items as { winner: string; bestLuck: boolean; amount: { amountMinor: string } }[]
  const best = items.find(({ bestLuck }) => bestLuck)
  const [one, two] = items.map(({ amount }) => Number(amount.amountMinor))
  t.equal(best, (two ?? 0) > (one ?? 0) ? items[1] : items[0], 'the largest, the earliest of equals')
  t.match(ended, { envelopeId: id, reason: 'empty', claimedShares: 2, claimed: { amountMinor: '100' } })
  t.match(ended.bestLuck, { winner: best?.winner, amount: best?.amount })
  t.match(items[0], { thanks: '谢谢!' })
  t.notMatch((await send(wang, 'GET', `/v1/envelopes/${id}/claims`)).text, '谢谢', "thanks are the hider's")
  t.equal(ears.frames.filter(({ type }) => type === 'envelope.thanked').length, 1, 'and are heard once')
  t.notMatch(ears.texts.join(), new RegExp(`${mei.id}|${wang.id}`), 'winners are pseudonyms')

  const second = await hide(hider, place, { shares: 2 })
  const secondId = String(second.body.id)
  await send(hider, 'DELETE', `/v1/envelopes/${secondId}`)
  const closed = await ears.frame('envelope.ended', ({ envelopeId }) => envelopeId === secondId)
  t.match(closed, { reason: 'closed', claimedShares: 0, claimed: { amountMinor: '0' } })
  t.equal(closed.bestLuck, undefined)
})

t.test('a pin that was meant in another datum is hidden, with a warning', async t => {
  const stands = { lat: 30.6631, lng: 104.0712 }
  const hider = await signUp()
  const hideAt = (pin: Point, more: object = {}) => hide(hider, pin, { fix: fixAt(stands), ...more })
  const gcj = fromWgs84(stands, 'gcj02')
  const warned = await hideAt(gcj)
  t.match(warned, { status: 201, body: { warnings: [{ code: 'datum_suspect', crs: 'gcj02' }] } })
  t.equal((await hideAt(gcj, { crs: 'gcj02' })).body.warnings, undefined, 'not where it says so')
  t.match(await hideAt(stands, { crs: 'gcj02' }), {
    status: 201,
    body: { warnings: [{ code: 'datum_suspect', crs: 'wgs84' }] },
  })
  const east = travelFrom(stands, { bearingDeg: 250, distanceM: 450 })
  t.equal((await hideAt(east)).body.warnings, undefined, 'nor where it is just elsewhere')
  t.match(await hideAt(fromWgs84(stands, 'bd09')), {
    status: 422,
    body: { code: 'place_refused', reason: 'too_far', detail: 'in bd09 the place would be where you stand' },
  })
  await assertBooks(t, world)
})
