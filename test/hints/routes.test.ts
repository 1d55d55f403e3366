import t from 'tap'
import { findEnds, loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { openClient } from '../realtime/client.ts'
import { createPlayStage } from '../realtime/play-stage.ts'

const square: Point = { lat: 31.2304, lng: 121.4737 }
const goEast = (distanceM: number, from = square): Point => travelFrom(from, { bearingDeg: 90, distanceM })

const stage = await createPlayStage(t)
const server = await stage.startServer()

async function list(playerId: string) {
  const headers = { authorization: `Bearer ${playerId}` }
  const answer = await server.app.inject({ url: '/v1/envelopes', headers })
  return { status: answer.statusCode, body: answer.json() as Record<string, unknown> }
}

t.test('what the index reads of the record', async t => {
  const { database } = stage.world
  const friend = await stage.signUp()
  const here = goEast(50_000)
  const plain = await stage.plant(here)
  const full = await stage.plant(here, {
    kind: 'merchant',
    audience: 'players',
    guestIds: [friend],
    greeting: 'Hi',
    brand: 'Tea',
    clue: 'Look up',
  })
  const elsewhere = await stage.plant(goEast(60_000), { audience: 'passphrase' })
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
  const read = await loadLiveEnvelopes(database, [plain.cell7])
  t.same(read.toSorted(byId), [plain, full].toSorted(byId))
  t.equal((await loadLiveEnvelopes(database, [plain.cell7, elsewhere.cell7])).length, 3)
  t.same(await loadLiveEnvelopes(database, []), [])
  await stage.endInRecord(plain.id, 'frozen')
  await stage.endInRecord(full.id, 'expired')
  const ends = await findEnds(database, [plain.id, full.id, elsewhere.id])
  t.strictSame(Object.fromEntries(ends), { [plain.id]: 'frozen', [full.id]: 'expired' })
  t.same(await loadLiveEnvelopes(database, [plain.cell7]), [])
})

t.test('without a recent position nothing is listed', async t => {
  t.match(await list(await stage.signUp()), { status: 409, body: { code: 'position_needed' } })
})

t.test('hint cells around the last fix, for those without a socket', async t => {
  const playerId = await stage.signUp(60)
  const near = await stage.plant(goEast(100), { greeting: 'Hi', clue: 'Look up' })
  const won = await stage.plant(square)
  await stage.plant(square, { hiderId: playerId })
  await stage.plant(square, { audience: 'players' })
  await stage.plant(goEast(1_600))
  stage.claimed.set(playerId, [won.id])
  const client = openClient(t, server, { playerId })
  await client.frame('welcome')
  await client.stand(square)
  client.socket.close()
  await client.closed()
  const { status, body } = await list(playerId)
  t.equal(status, 200)
  t.match(body, {
    type: 'FeatureCollection',
    numberReturned: 1,
    warmth: { within1Km: '1+', within2Km: '1+' },
    links: { self: '/v1/envelopes' },
    features: [
      {
        type: 'Feature',
        id: near.id,
        geometry: { type: 'Polygon' },
        properties: {
          band: 'hot',
          kind: 'player',
          audience: 'anyone',
          greeting: 'Hi',
          clue: { text: 'Look up' },
        },
      },
    ],
  })
  t.equal((body.features as unknown[]).length, 1)
})
