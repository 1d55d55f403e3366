import t from 'tap'
import { createFading } from '#platform/fading.ts'
import { createRecent } from '#platform/recent.ts'
import { createManualClock } from '../realtime/manual-clock.ts'

t.test('the latest are remembered, and no more of them', async t => {
  const recent = createRecent<string>(3)
  const held = () => ['a', 'b', 'c', 'd', 'e'].filter(value => recent.has(value)).join('')
  for (const value of ['a', 'b', 'c']) recent.add(value)
  t.equal(held(), 'abc')
  recent.add('a')
  recent.add('d')
  t.equal(held(), 'acd', 'what was added again is not the oldest')
  recent.delete('c')
  recent.add('e')
  t.equal(held(), 'ade')
})

t.test('what nobody asks for fades, after once to twice its time', async t => {
  const clock = createManualClock()
  const fading = createFading<string, number>({ most: 100, afterMs: 1_000, clock })
  fading.set('used', 1)
  fading.set('idle', 2)
  await clock.pass(1_000)
  t.equal(fading.get('used'), 1)
  fading.set('late', 3)
  await clock.pass(999)
  t.equal(fading.get('late'), 3)
  await clock.pass(1)
  t.equal(fading.get('used'), 1, 'it was asked for within its time')
  t.equal(fading.get('late'), 3)
  t.equal(fading.get('idle'), undefined)
  fading.delete('used')
  t.equal(fading.get('used'), undefined, 'of neither generation')
  fading.set('new', 3)
  await clock.pass(500)
  fading.deleteWhere(value => value === 3)
  t.same([fading.get('late'), fading.get('new')], [undefined, undefined], 'of either generation')
  fading.set('late', 3)
  await clock.pass(2_000)
  t.equal(fading.get('late'), undefined)
  t.equal(clock.timersLeft(), 0, 'where nothing is left, nothing is timed')
})

t.test('where there is too much, the older half fades at once, but what is asked for stays', async t => {
  const fading = createFading<number, number>({ most: 10, afterMs: 1_000, clock: createManualClock() })
  for (let i = 0; i < 100; i++) {
    fading.set(i, i)
    t.equal(fading.get(0), 0)
  }
  const held = Array.from({ length: 100 }, (_, i) => 99 - i).filter(i => fading.get(i) === i)
  t.ok(held.length <= 10, `${held.length} of ten`)
  t.ok(
    [96, 97, 98, 99].every(i => held.includes(i)),
    `the latest: ${held.join()}`,
  )
})
