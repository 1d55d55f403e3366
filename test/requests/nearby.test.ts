/** Service requests near a provider: the live index, what is told over the socket, and what it says of the place. */
import { cellToChildren, getPentagons } from 'h3-js'
import t, { type Test } from 'tap'
import { createPlayClient } from '#protocol/client.ts'
import { limits } from '#protocol/limits.ts'
import { WebSocket } from 'ws'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { listAround } from '../../src/requests/around.ts'
import { type LiveRequest, toLiveRequest } from '../../src/requests/live-request.ts'
import { createLiveRequests } from '../../src/requests/live-requests.ts'
import { circleOf, createNearby } from '../../src/requests/nearby.ts'
import { setDuty } from '../../src/requests/duty.ts'
import { requestRecord } from '../../src/requests/postgres.ts'
import { fundTopUp, topUp } from '../../src/requests/request.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { eventually } from '../acceptance/eventually.ts'
import { openClient } from '../realtime/client.ts'
import { createManualClock } from '../realtime/manual-clock.ts'
import { createPlayStage } from '../realtime/play-stage.ts'
import { plantRequest } from './planting.ts'
import { place } from './stage.ts'

const square = locateCell(place)
const here = coarsen(square, 9)
const goEast = (distanceM: number) => locateCell(travelFrom(place, { bearingDeg: 90, distanceM }))
const rules = limits.serviceRequest

let ids = 0
function liveAt(cell: Cell, more: Partial<LiveRequest> = {}): LiveRequest {
  const id = `r${String(++ids).padStart(6, '0')}`
  return {
    ...{ id, cell9: coarsen(cell, 9), cell7: coarsen(cell, 7), version: 1, posterId: 'lin', mode: 'choose' },
    ...{ category: 'queueing', text: 'Queue for me', priceMinor: '3000', currency: 'CNY', reachM: 1_000 },
    expiresAtMs: 0,
    ...more,
  }
}

function createIndexStage() {
  const clock = createManualClock()
  const record = new Map<string, LiveRequest>()
  const followed = new Set<Cell>()
  const gate = { beforeAnswer: async () => {} }
  const live = createLiveRequests({
    clock,
    log: { warn: () => undefined },
    feed: {
      follow: async cells7 => cells7.forEach(cell => followed.add(cell)),
      unfollow: cells7 => cells7.forEach(cell => followed.delete(cell)),
    },
    async loadRequests(cells7) {
      const found = [...record.values()].filter(({ cell7 }) => cells7.includes(cell7))
      await gate.beforeAnswer()
      return found
    },
  })
  const nearby = createNearby(live)
  const changes: Cell[] = []
  nearby.onChange(cell => changes.push(cell))
  const idsAt = (cell9 = here) => nearby.listAt(cell9)?.map(({ request }) => request.id)
  return { clock, record, followed, gate, live, nearby, changes, idsAt }
}

const stage = await createPlayStage(t)

t.test('each circle sees what is shown in it, the nearest first', async t => {
  const { record, live, nearby, idsAt } = createIndexStage()
  const [near, middle, far, away] = [0, 1_500, 2_500, 3_600].map(goEast) as [Cell, Cell, Cell, Cell]
  const shown = [
    liveAt(near),
    liveAt(middle, { reachM: 2_000 }),
    liveAt(far, { reachM: 3_000 }),
    liveAt(near, { category: 'pets', posterId: 'mei' }),
  ]
  const hidden = [liveAt(middle), liveAt(far, { reachM: 2_000 }), liveAt(away, { reachM: 3_000 })]
  for (const request of [...shown, ...hidden]) record.set(request.id, request)
  nearby.watch(here)
  t.equal(nearby.listAt(here), undefined, 'not before it is loaded')
  await live.whenLoaded(nearby.cells7At(here))
  t.same(idsAt(), [shown[3]?.id, shown[0]?.id, shown[1]?.id, shown[2]?.id])
  t.equal(nearby.listAt(here), nearby.listAt(here), 'made once')
  t.same(
    nearby.listAt(here, 'pets')?.map(({ withinM }) => withinM),
    [1_000],
  )
  const list = nearby.listAt(here) ?? []
  t.equal(nearby.select('lin', list).length, 1, "not one's own")
  live.close()
  t.equal(nearby.listAt(here), undefined)
})

t.test('a circle is a function of two res-9 cells', t => {
  for (const pentagon of getPentagons(9).slice(0, 3)) {
    for (const distanceM of [0, 900, 1_900, 2_900, 3_500]) {
      const other = coarsen(
        locateCell(travelFrom(centreOf(pentagon as Cell), { bearingDeg: 77, distanceM })),
        9,
      )
      const exactM = measureM(centreOf(pentagon as Cell), centreOf(other))
      t.equal(
        circleOf(pentagon as Cell, other),
        rules.reachesM.find(reachM => exactM <= reachM),
      )
    }
  }
  t.end()
})

t.test('messages and reads in any order lead to the latest version', async t => {
  const { record, live, nearby, gate, idsAt, changes } = createIndexStage()
  nearby.watch(here)
  await live.whenLoaded(nearby.cells7At(here))
  const request = liveAt(square)
  const opened = (version: number, more: Partial<LiveRequest> = {}) =>
    live.apply({ type: 'opened', request: { ...request, version, ...more } })
  const closed = (version: number) =>
    live.apply({ type: 'closed', id: request.id, cell7: request.cell7, version })
  opened(1)
  t.same(idsAt(), [request.id])
  changes.length = 0
  opened(3, { priceMinor: '3600' })
  opened(2, { priceMinor: '3300' })
  t.match(nearby.listAt(here), [{ request: { version: 3, priceMinor: '3600' } }], 'the later picture stays')
  t.same(changes, [here])
  closed(4)
  opened(3)
  t.same(idsAt(), [], 'late news of something that is over')
  opened(6)
  closed(4)
  t.same(idsAt(), [request.id], 'opened again')

  record.set(request.id, { ...request, version: 6 })
  let answer = () => {}
  gate.beforeAnswer = () => new Promise(resolve => (answer = resolve))
  const reading = live.reread()
  const fresh = liveAt(square)
  live.apply({ type: 'opened', request: fresh })
  closed(7)
  answer()
  await reading
  t.same(idsAt(), [fresh.id], 'a read changes nothing that was said after it began')
  gate.beforeAnswer = async () => {}
  record.clear()
  record.set(fresh.id, fresh)
  await live.reread()
  t.same(idsAt(), [fresh.id])
  record.clear()
  await live.reread()
  t.same(idsAt(), [], 'what was missed is repaired')
  live.close()
})

t.test('memory is what is watched; what pub/sub lost is there within 15 s', async t => {
  const { clock, record, followed, live, nearby, idsAt } = createIndexStage()
  nearby.watch(here)
  await live.whenLoaded(nearby.cells7At(here))
  const lost = liveAt(square)
  record.set(lost.id, lost)
  await clock.pass(15_000)
  t.same(idsAt(), [lost.id])
  t.ok(followed.size > 0)
  nearby.unwatch(here)
  await clock.pass(45_000)
  t.same([followed.size, live.requestsAt(here).size], [0, 0])
  live.apply({ type: 'opened', request: liveAt(square) })
  t.equal(live.requestsAt(here).size, 0, 'nothing of cells that nobody watches is kept')
  live.close()
  t.equal(clock.timersLeft(), 0)
})

t.test('a hundred thousand around: one page, the nearest and newest', { timeout: 60_000 }, async t => {
  const { record, live, nearby } = createIndexStage()
  const cells = Array.from({ length: 400 }, (_, i) => goEast((i % 40) * 75))
  for (let i = 0; i < 100_000; i++) {
    const request = liveAt(cells[i % cells.length] as Cell, { reachM: 3_000 })
    record.set(request.id, request)
  }
  nearby.watch(here)
  await live.whenLoaded(nearby.cells7At(here))
  const list = nearby.listAt(here) ?? []
  t.equal(list.length, rules.perSnapshot + rules.unendedPerPoster)
  t.ok(list.every(({ withinM }) => withinM === 1_000))
  const newest = [...record.values()].filter(({ cell9 }) => circleOf(here, cell9) === 1_000).at(-1)
  t.equal(list[0]?.request.id, newest?.id)
  t.equal(nearby.select('mei', list).length, rules.perSnapshot)
  live.close()
})

const { world, announcer } = stage

const isNear = ({ type }: { type: string }) => /^request\.(opened|changed|gone)$/.test(type)

async function raise(request: Parameters<typeof topUp>[0]) {
  const raised = topUp(request, 600n)
  return world.database.transact(async tx => {
    const after = { ...raised, version: await requestRecord.store(tx, request, raised) }
    await postTransfers(tx, [fundTopUp(after, 600n, world.clock.nowMs())])
    return after
  })
}

t.test('a provider on duty hears of what opens, changes and goes, on any server', async t => {
  const [first, second] = [await stage.startServer(), await stage.startServer()]
  const known = await plantRequest(world, square)
  const [mei, bystander] = [await stage.signUp(120), await stage.signUp(120)]
  const client = openClient(t, first, { playerId: mei })
  const other = openClient(t, second, { playerId: bystander })
  await Promise.all([client.frame('welcome'), other.frame('welcome')])
  await client.stand(place)
  await other.stand(place)
  client.send({ type: 'watch', id: 'w', serviceRequests: true })
  t.match(await client.frame('watching'), { ref: 'w', serviceRequests: true })
  t.match(await client.frame('request.opened'), {
    ...{ serviceRequestId: known.id, withinM: 1_000, cell: here, zone: { type: 'Polygon' } },
    price: { amountMinor: '3000', currency: 'CNY' },
  })
  const news = await plantRequest(world, goEast(1_500), { reachM: 2_000, category: 'pets' })
  announcer.requestOpened(toLiveRequest(news))
  t.match(await client.frame('request.opened', ({ serviceRequestId }) => serviceRequestId === news.id), {
    withinM: 2_000,
  })
  announcer.requestOpened(toLiveRequest(await raise(known)))
  t.match(await client.frame('request.changed'), {
    serviceRequestId: known.id,
    price: { amountMinor: '3600' },
  })
  announcer.requestClosed({ ...toLiveRequest(news), version: 2 })
  t.match(await client.frame('request.gone'), { serviceRequestId: news.id })
  await client.stand(travelFrom(place, { bearingDeg: 90, distanceM: 5_000 }))
  t.match(await client.frame('request.gone', ({ serviceRequestId }) => serviceRequestId === known.id), {})

  client.send({ type: 'watch', id: 'off', serviceRequests: false })
  await client.frame('watching', ({ ref }) => ref === 'off')
  const from = client.frames.length
  await client.stand(place)
  t.notOk(client.frames.slice(from).some(isNear), 'off duty')
  t.notOk(other.frames.some(isNear), 'nobody is told who does not watch')
  client.send({ type: 'watch', id: 'pets', serviceRequests: true, category: 'pets' })
  await client.frame('watching', ({ ref }) => ref === 'pets')
  const pets = await plantRequest(world, square, { category: 'pets' })
  announcer.requestOpened(toLiveRequest(await plantRequest(world, square, { category: 'repair' })))
  announcer.requestOpened(toLiveRequest(pets))
  await client.frame('request.opened', ({ serviceRequestId }) => serviceRequestId === pets.id)
  t.notMatch(client.texts.slice(from).join(), /repair/, 'of one category')
  await Promise.all([first.close(), second.close()])
})

t.test('duty is one switch, for every socket and for the next session', async t => {
  const [first, second] = [await stage.startServer(), await stage.startServer()]
  const mei = await stage.signUp(120)
  const [phone, tablet] = [openClient(t, first, { playerId: mei }), openClient(t, second, { playerId: mei })]
  await Promise.all([phone.frame('welcome'), tablet.frame('welcome')])
  phone.send({ type: 'watch', id: 'w', serviceRequests: true, category: 'pets' })
  await phone.frame('watching', ({ ref }) => ref === 'w')
  t.match(await tablet.frame('watching'), { serviceRequests: true, category: 'pets' })
  t.notOk('ref' in (await tablet.frame('watching')))
  await tablet.stand(place)
  const pets = await plantRequest(world, square, { category: 'pets' })
  announcer.requestOpened(toLiveRequest(pets))
  await tablet.frame('request.opened', ({ serviceRequestId }) => serviceRequestId === pets.id)
  t.equal(phone.frames.filter(({ type }) => type === 'watching').length, 1, 'who turned it is told once')

  const next = openClient(t, second, { playerId: mei })
  t.match(await next.frame('watching'), { serviceRequests: true, category: 'pets' })
  const caller: PlayerCaller = { kind: 'player', id: mei, timeScale: 120 }
  const ports = { duties: stage.duties, tx: world.database, announcer, clock: world.clock }
  await setDuty(ports, { caller, duty: { isOnDuty: false } })
  for (const { frame } of [phone, tablet, next])
    t.match(await frame('watching', ({ serviceRequests }) => !serviceRequests), { type: 'watching' })
  const from = tablet.frames.length
  announcer.requestOpened(toLiveRequest(await plantRequest(world, square, { category: 'pets' })))
  await tablet.stand(place)
  t.notOk(tablet.frames.slice(from).some(isNear), 'off duty')

  const child: PlayerCaller = { ...caller, isMinor: true }
  t.match(await setDuty(ports, { caller: child, duty: { isOnDuty: true } }), { code: 'minors_mode' })
  await Promise.all([first.close(), second.close()])
})

t.test(
  'the reference client keeps watching, in the session that goes on and in the one after it',
  async t => {
    const server = await stage.startServer()
    const mei = await stage.signUp(120)
    const sockets: WebSocket[] = []
    class Noted extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        sockets.push(this)
      }
    }
    const client = createPlayClient({
      ...{ url: server.url, token: mei, WebSocket: Noted as never, backoff: { firstMs: 1, mostMs: 20 } },
    })
    t.teardown(client.close)
    await client.position({ ...place, accuracyM: 8 })
    await client.watch(true)
    const inRecord = async () =>
      (await requestRecord.listByState(world.database, 'open', { limit: 100 }))
        .filter(({ cell, reachM }) => (circleOf(here, coarsen(cell, 9)) ?? Infinity) <= reachM)
        .map(({ id, priceMinor }) => `${id} ${priceMinor}`)
        .sort()
    const inClient = () =>
      [...client.requests.values()]
        .map(({ serviceRequestId, price }) => `${serviceRequestId} ${price.amountMinor}`)
        .sort()
    const agree = async (what: string) => {
      const wanted = JSON.stringify(await inRecord())
      await eventually(what, () => JSON.stringify(inClient()) === wanted || undefined, {
        explain: () => `${wanted}\n${JSON.stringify(inClient())}`,
      })
    }
    await agree('the client knows what is near')
    for (let round = 0; round < 4; round++) {
      sockets.at(-1)?.terminate()
      const request = await plantRequest(world, square)
      announcer.requestOpened(toLiveRequest(request))
      if (round % 2 === 1) announcer.requestOpened(toLiveRequest(await raise(request)))
      await agree(`round ${round}`)
    }
    // A deploy: the session is gone, and the next one watches without being asked to.
    await server.close()
    announcer.requestOpened(toLiveRequest(await plantRequest(world, square)))
    const next = await stage.startServer({ port: Number(new URL(server.url).port) })
    await agree('in a new session')
    client.close()
    await next.close()
  },
)

t.test('all places of one res-9 cell are one place in every byte', { timeout: 90_000 }, async t => {
  const cells = [here, coarsen(locateCell({ lat: 71.2, lng: 179.999 }), 9), getPentagons(9)[5] as Cell]
  for (const cell9 of cells) {
    const inside = cellToChildren(cell9, 12) as Cell[]
    const transcripts: string[] = []
    for (let i = 0; i < 5; i++) {
      transcripts.push(await walkPast(t, inside[Math.floor((i * inside.length) / 5)] as Cell, cell9))
    }
    for (const transcript of transcripts) t.equal(transcript, transcripts[0], cell9)
    t.match(transcripts[0], /request\.opened.*request\.gone/s)
  }
})

/** All that a provider is sent on a way past a request that then closes. */
async function walkPast(t: Test, hidden: Cell, cell9: Cell): Promise<string> {
  await world.ownerDatabase.query({
    name: 'close-all',
    text: `alter table service_requests disable trigger all`,
  })
  await world.ownerDatabase.query({
    name: 'end-all',
    text: `update service_requests set state = 'expired', due_at = null, widens_at = null, ended_at = now(), paid = 0`,
  })
  const request = await plantRequest(world, hidden, { reachM: 3_000 })
  const server = await stage.startServer()
  const mei = await stage.signUp(120)
  const client = openClient(t, server, { playerId: mei })
  await client.frame('welcome')
  client.send({ type: 'watch', serviceRequests: true })
  const lists: string[] = []
  let seenM: number | undefined
  for (const distanceM of [4_500, 2_800, 1_600, 600, 100]) {
    const point = travelFrom(centreOf(cell9), { bearingDeg: 20, distanceM })
    await client.stand(point)
    const ports = { ...server.requests, positions: { lastCell: async () => locateCell(point) } }
    lists.push(
      JSON.stringify(
        await listAround(ports, { caller: { kind: 'player', id: mei, timeScale: 1 } as PlayerCaller }),
      ),
    )
    const withinM = circleOf(coarsen(locateCell(point), 9), cell9)
    const isHere = (frame: { withinM: number }) => frame.withinM === withinM
    if (withinM !== undefined && withinM === seenM) continue
    if (withinM !== undefined)
      await client.frame(seenM === undefined ? 'request.opened' : 'request.changed', isHere)
    seenM = withinM
  }
  announcer.requestClosed({ ...toLiveRequest(request), version: 2 })
  await client.frame('request.gone')
  await server.close()
  const requestFrames = client.texts.filter(text => text.includes('request.'))
  return [...requestFrames, ...lists]
    .join('\n')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
    .replaceAll(/"seq":\d+/g, 'seq')
}
