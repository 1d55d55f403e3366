import fc from 'fast-check'
import { getPentagons } from 'h3-js'
import t from 'tap'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import { neighboursWithin } from '../../src/geo/neighbourhood.ts'
import type { Point } from '../../src/geo/point.ts'
import { cells7Around } from '../../src/hints/area.ts'
import { createAround } from '../../src/hints/around.ts'
import { measureWarmth } from './measure-warmth.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import { createIndexStage, envelopeAt, square } from './index-stage.ts'

const cell10Of = (point: Point): Cell => coarsen(locateCell(point), 10)
const goEast = (distanceM: number): Point => travelFrom(square, { bearingDeg: 90, distanceM })
const anyone = { id: 'walker', claimedIds: new Set<string>() }

async function lookAt(envelopes: readonly LiveEnvelope[], cell10 = cell10Of(square)) {
  const stage = createIndexStage()
  const around = createAround({ index: stage.index, selectHints: createHintSelector('s'.repeat(32)) })
  for (const envelope of envelopes) stage.open(envelope)
  around.watch(cell10)
  t.equal(around.hintsAround(anyone, cell10), undefined, 'nothing is said before all is loaded')
  await stage.index.whenLoaded(cells7Around(cell10))
  return { stage, around, cell10 }
}

t.test('the watched area holds every cell that the warmth counts', async () => {
  const place = fc.oneof(
    fc.record({
      lat: fc.double({ min: -90, max: 90, noNaN: true }),
      lng: fc.double({ min: -180, max: 179.9, noNaN: true }),
    }),
    fc.constantFrom(...getPentagons(10).map(cell => centreOf(cell as Cell))),
    fc.constantFrom({ lat: 90, lng: 0 }, { lat: -90, lng: 0 }, { lat: 10, lng: -180 }),
  )
  fc.assert(
    fc.property(place, point => {
      const cell10 = cell10Of(point)
      const area = new Set(cells7Around(cell10))
      return neighboursWithin(cell10, 2_000).every(cell => area.has(coarsen(cell, 7)))
    }),
    { numRuns: 60 },
  )
})

t.test('who may see what', async t => {
  const mine = envelopeAt(square, { hiderId: 'walker' })
  const merchants = envelopeAt(square, { kind: 'merchant', hiderId: 'walker', brand: 'Tea' })
  const invited = envelopeAt(square, { audience: 'players', guestIds: ['walker', 'friend'] })
  const secret = envelopeAt(square, { audience: 'players', guestIds: ['friend'] })
  const sealed = envelopeAt(square, { audience: 'passphrase' })
  const open = envelopeAt(goEast(200))
  const far = envelopeAt(goEast(900))
  const { stage, around, cell10 } = await lookAt([mine, merchants, invited, secret, sealed, open, far])
  const idsFor = (id: string, claimed: string[] = []) =>
    around.hintsAround({ id, claimedIds: new Set(claimed) }, cell10)?.hints.map(hint => hint.envelopeId)
  const sorted = (...envelopes: LiveEnvelope[]) => envelopes.map(({ id }) => id).toSorted()

  t.same(
    idsFor('walker')?.toSorted(),
    sorted(merchants, invited, sealed, open),
    'not their own, a guest, in reach',
  )
  t.same(idsFor('stranger')?.toSorted(), sorted(mine, merchants, sealed, open))
  t.same(idsFor('friend')?.toSorted(), sorted(mine, merchants, invited, secret, sealed, open))
  t.same(idsFor('stranger', [open.id])?.toSorted(), sorted(mine, merchants, sealed), 'not what they have won')
  const [first] = around.hintsAround(anyone, cell10)?.hints ?? []
  t.equal(first?.band, 'here')
  t.same(around.hintsAround(anyone, cell10)?.warmth, { within1Km: '1+', within2Km: '1+' })
  stage.index.close()
})

t.test('warmth counts what everybody may claim, and is the same for all', async t => {
  const open = Array.from({ length: 9 }, (_, i) => envelopeAt(goEast(300 + 10 * i)))
  const closed = Array.from({ length: 5 }, () =>
    envelopeAt(goEast(700), { audience: 'players', guestIds: ['walker'] }),
  )
  const sealed = envelopeAt(goEast(1_500), { audience: 'passphrase' })
  const { stage, around, cell10 } = await lookAt([...open, ...closed, sealed])
  t.same(around.hintsAround(anyone, cell10)?.warmth, { within1Km: '1+', within2Km: '10+' })
  t.equal(around.surroundings(cell10), around.surroundings(cell10), 'computed once')
  stage.index.close()
})

t.test('at most 50, nearest bands first, in an order of their own for each player', async t => {
  const { stage, around, cell10 } = await lookAt(
    Array.from({ length: 40 }, () => [envelopeAt(square), envelopeAt(goEast(250))]).flat(),
  )
  const seen = around.hintsAround(anyone, cell10)?.hints ?? []
  t.equal(seen.length, 50)
  t.ok(seen.slice(0, 40).every(({ band }) => band === 'here'))
  const other = around.hintsAround({ id: 'another', claimedIds: new Set() }, cell10)?.hints ?? []
  const ids = (hints: typeof seen) => hints.map(({ envelopeId }) => envelopeId)
  t.strictNotSame(ids(seen), ids(other))
  t.same(ids(seen), ids(around.hintsAround(anyone, cell10)?.hints ?? []), 'stable')
  stage.index.close()
})

t.test('one computation is shared until something near changes, and kept when it says the same', async t => {
  const near = envelopeAt(square)
  const { stage, around, cell10 } = await lookAt([near])
  const before = around.surroundings(cell10)
  stage.index.apply(stage.open(envelopeAt(goEast(20_000))))
  t.equal(around.surroundings(cell10), before, 'a change elsewhere')
  const added = stage.open(envelopeAt(goEast(1_500)))
  stage.index.apply(added)
  const warmer = around.surroundings(cell10)
  t.not(warmer, undefined)
  stage.index.apply(stage.open(envelopeAt(goEast(1_600))))
  t.equal(around.surroundings(cell10), warmer, 'a change that changes no word of it')
  stage.index.apply(stage.end(near))
  t.strictNotSame(around.surroundings(cell10)?.hints, before?.hints)
  stage.index.close()
})

t.test('the warmth that is kept up is the warmth that is counted anew', async () => {
  const place = fc.record({ bearingDeg: fc.nat({ max: 359 }), distanceM: fc.nat({ max: 3_000 }) })
  const step = fc.record({
    place,
    copies: fc.integer({ min: 1, max: 60 }),
    isGuest: fc.boolean(),
    ends: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), place, async (steps, away) => {
      const stage = createIndexStage()
      const around = createAround({ index: stage.index, selectHints: createHintSelector('s'.repeat(32)) })
      const cells = [cell10Of(square), cell10Of(travelFrom(square, away))]
      for (const cell10 of cells) around.watch(cell10)
      const live: LiveEnvelope[] = []
      for (const [i, { place: where, copies, isGuest, ends }] of steps.entries()) {
        // Half of it is there before the cells are loaded.
        if (i === Math.floor(steps.length / 2)) await stage.index.whenLoaded(cells.flatMap(cells7Around))
        for (let copy = 0; copy < copies; copy++) {
          const more = isGuest ? { audience: 'players' as const, guestIds: [] } : {}
          const envelope = envelopeAt(travelFrom(square, where), more)
          stage.index.apply(stage.open(envelope))
          live.push(envelope)
        }
        if (ends) for (const envelope of live.splice(0, copies)) stage.index.apply(stage.end(envelope))
      }
      await stage.index.whenLoaded(cells.flatMap(cells7Around))
      const counts = new Map<Cell, number>()
      for (const { audience, cell10 } of live) {
        if (audience !== 'players') counts.set(cell10, (counts.get(cell10) ?? 0) + 1)
      }
      const isTrue = cells.every(cell10 => {
        const [kept, counted] = [around.surroundings(cell10)?.warmth, measureWarmth(cell10, counts)]
        return kept?.within1Km === counted.within1Km && kept.within2Km === counted.within2Km
      })
      stage.index.close()
      return isTrue
    }),
    { numRuns: 60 },
  )
})
