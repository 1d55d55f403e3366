import fc from 'fast-check'
import t from 'tap'
import { Unavailable } from '#platform/problem.ts'
import { createIndexStage, envelopeAt, square } from './index-stage.ts'
import { settle } from '../realtime/manual-clock.ts'

t.test('a cell is followed first and loaded then', async t => {
  const stage = createIndexStage()
  const here = envelopeAt(square)
  stage.open(here)
  stage.index.watch([here.cell7])
  t.equal(stage.index.isLoaded([here.cell7]), false)
  await stage.index.whenLoaded([here.cell7])
  t.same(stage.calls, ['follow', 'load'])
  t.same(stage.idsAt(here.cell10), [here.id])
  t.equal(stage.index.isLoaded([here.cell7]), true)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
  t.equal(stage.followed.size, 0)
})

t.test('many cells that are watched together are read by one query', async t => {
  const stage = createIndexStage()
  const [a, b] = [envelopeAt(square), envelopeAt({ lat: 31.3, lng: 121.6 })]
  stage.index.watch([a.cell7])
  stage.index.watch([b.cell7])
  await stage.index.whenLoaded([a.cell7, b.cell7])
  t.same(stage.calls, ['follow', 'load'])
  stage.index.close()
})

t.test('what a message says during a load wins over what the load saw before it', async t => {
  const stage = createIndexStage()
  const [old, fresh] = [envelopeAt(square), envelopeAt(square)]
  stage.open(old)
  let answer = () => {}
  stage.gate.beforeAnswer = () => new Promise(resolve => (answer = resolve))
  stage.index.watch([old.cell7])
  await settle()
  stage.index.apply(stage.end(old, 'empty'))
  stage.index.apply(stage.open(fresh))
  stage.gate.beforeAnswer = () => Promise.resolve()
  answer()
  await stage.index.whenLoaded([old.cell7])
  t.same(stage.idsAt(old.cell10), [fresh.id], 'the ended one is not resurrected, the new one not lost')
  t.equal(stage.index.endOf(old.id), 'empty')
  stage.index.close()
})

t.test('a late `opened` does not bring back what has ended, an unfrozen envelope comes back', async t => {
  const stage = createIndexStage()
  const [over, frozen] = [envelopeAt(square), envelopeAt(square)]
  stage.index.watch([over.cell7])
  await stage.index.whenLoaded([over.cell7])
  const opened = stage.open(over)
  stage.index.apply(stage.end(over, 'closed'))
  stage.index.apply(opened)
  t.same(stage.idsAt(over.cell10), [])
  const thawed = stage.open(frozen)
  stage.index.apply(thawed)
  stage.index.apply(stage.end(frozen, 'frozen'))
  t.same(stage.idsAt(over.cell10), [])
  stage.open(frozen)
  stage.index.apply(thawed)
  t.same(stage.idsAt(over.cell10), [frozen.id])
  stage.index.close()
})

t.test('what is unfrozen while a read finds it frozen stays', async t => {
  const stage = createIndexStage()
  const thawing = envelopeAt(square)
  const opened = stage.open(thawing)
  stage.index.watch([thawing.cell7])
  await stage.index.whenLoaded([thawing.cell7])
  stage.end(thawing, 'frozen')
  let answer = () => {}
  stage.gate.beforeAnswer = () => new Promise(resolve => (answer = resolve))
  const read = stage.index.reread()
  answer()
  await settle()
  stage.open(thawing)
  stage.index.apply(opened)
  answer()
  await read
  t.same(stage.idsAt(thawing.cell10), [thawing.id])
  stage.index.close()
})

t.test(
  'what is written on an envelope comes and goes, by message or by read, the later one counts',
  async t => {
    const stage = createIndexStage()
    const plain = envelopeAt(square)
    stage.open(plain)
    stage.index.watch([plain.cell7])
    await stage.index.whenLoaded([plain.cell7])
    const changes: string[] = []
    stage.index.onChange(({ type }) => changes.push(type))
    const greetings = () => stage.index.envelopesAt(plain.cell10).map(({ greeting }) => greeting)
    const told = stage.open({ ...plain, greeting: 'Hello' })
    stage.index.apply(told)
    t.same([greetings(), changes], [['Hello'], ['removed', 'added']])
    stage.index.apply(told)
    t.equal(changes.length, 2, 'the same again is nothing new')
    let answer = () => {}
    stage.gate.beforeAnswer = () => new Promise(resolve => (answer = resolve))
    const read = stage.index.reread()
    const hidden = stage.open(plain)
    stage.index.apply(hidden)
    answer()
    await read
    t.same(greetings(), [undefined], 'a read that began before does not bring it back')
    stage.gate.beforeAnswer = () => Promise.resolve()
    stage.open({ ...plain, greeting: 'Again' })
    await stage.index.reread()
    t.same(greetings(), ['Again'])
    stage.index.close()
  },
)

t.test('missed messages are repaired by the re-read after 12 s, with the reason of the end', async t => {
  const stage = createIndexStage()
  const [lost, gone] = [envelopeAt(square), envelopeAt(square)]
  stage.open(gone)
  stage.index.watch([gone.cell7])
  await stage.index.whenLoaded([gone.cell7])
  const changed: string[] = []
  stage.index.onChange(change => changed.push(change.type))
  stage.open(lost)
  stage.end(gone, 'expired')
  await stage.clock.pass(11_999)
  t.same(stage.idsAt(gone.cell10), [gone.id], 'not yet')
  await stage.clock.pass(1)
  t.same(stage.idsAt(gone.cell10), [lost.id])
  t.equal(stage.index.endOf(gone.id), 'expired')
  t.same(changed, ['removed', 'added'])
  await stage.clock.pass(15_000)
  t.same(changed.length, 2, 'a re-read that finds nothing new tells nobody')
  stage.index.close()
})

t.test('a cell that changed is read again a second later, however often it is said', async t => {
  const stage = createIndexStage()
  const [first, second, far] = [envelopeAt(square), envelopeAt(square), envelopeAt({ lat: 31.3, lng: 121.6 })]
  const { cell7, cell10 } = first
  stage.index.watch([cell7])
  await stage.index.whenLoaded([cell7])
  stage.calls.length = 0
  stage.open(first)
  for (let i = 0; i < 100; i++) stage.index.apply({ type: 'changed', cell7 })
  stage.index.apply({ type: 'changed', cell7: far.cell7 })
  stage.open(second)
  await stage.clock.pass(999)
  t.same(stage.idsAt(cell10), [], 'not yet')
  await stage.clock.pass(1)
  t.same([...stage.idsAt(cell10)].sort(), [first.id, second.id].sort())
  t.same(stage.calls, ['load'], 'once, and only what is watched')
  stage.index.apply({ type: 'changed', cell7 })
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('a reconnect reads again at once', async t => {
  const stage = createIndexStage()
  const lost = envelopeAt(square)
  stage.index.watch([lost.cell7])
  await stage.index.whenLoaded([lost.cell7])
  stage.open(lost)
  await stage.index.reread()
  t.same(stage.idsAt(lost.cell10), [lost.id])
  stage.index.close()
})

t.test('cells are counted, linger for a re-read, and are dropped with all they hold', async t => {
  const stage = createIndexStage()
  const here = envelopeAt(square)
  const cells = [here.cell7]
  stage.open(here)
  stage.index.watch(cells)
  stage.index.watch(cells)
  await stage.index.whenLoaded(cells)
  stage.index.unwatch(cells)
  await stage.clock.pass(45_000)
  t.equal(stage.followed.size, 1, 'somebody still watches')
  stage.index.unwatch(cells)
  await stage.clock.pass(12_000)
  stage.index.watch(cells)
  t.equal(stage.index.isLoaded(cells), true, 'a walk along a border loads nothing again')
  stage.index.unwatch(cells)
  await stage.clock.pass(30_000)
  t.equal(stage.followed.size, 0)
  t.same(stage.idsAt(here.cell10), [])
  t.equal(stage.index.openCountsIn(here.cell7).size, 0)
  stage.index.apply(stage.open(envelopeAt(square)))
  t.same(stage.idsAt(here.cell10), [], 'what nobody watches is not kept')
  stage.index.close()
})

t.test('the answer to a load of a cell that was dropped and watched anew is not used', async t => {
  const stage = createIndexStage()
  const here = envelopeAt(square)
  stage.open(here)
  const answers: (() => void)[] = []
  stage.gate.beforeAnswer = () => new Promise(resolve => answers.push(resolve))
  stage.index.watch([here.cell7])
  await settle()
  stage.index.unwatch([here.cell7])
  await stage.clock.pass(15_000)
  answers.splice(1).forEach(answer => answer())
  await settle()
  await stage.clock.pass(15_000)
  stage.end(here)
  stage.index.watch([here.cell7])
  await settle()
  answers.shift()?.()
  await settle()
  t.equal(stage.index.isLoaded([here.cell7]), false)
  t.same(stage.idsAt(here.cell10), [])
  answers.forEach(answer => answer())
  await settle()
  t.equal(stage.index.isLoaded([here.cell7]), true)
  t.same(stage.idsAt(here.cell10), [])
  stage.index.close()
})

t.test('a record that is down is asked again after a second; who cannot wait is told', async t => {
  const stage = createIndexStage()
  const here = envelopeAt(square)
  stage.open(here)
  stage.gate.isDown = true
  stage.index.watch([here.cell7])
  await t.rejects(stage.index.whenLoaded([here.cell7]), Unavailable)
  t.equal(stage.warnings.length, 1)
  stage.gate.isDown = false
  await stage.clock.pass(1_000)
  t.same(stage.idsAt(here.cell10), [here.id])
  stage.gate.isDown = true
  await stage.clock.pass(12_000)
  t.same(stage.idsAt(here.cell10), [here.id], 'a re-read that fails takes nothing away')
  stage.end(here)
  stage.gate.isDown = false
  await stage.clock.pass(1_000)
  t.same(stage.idsAt(here.cell10), [], 'and is made up for in a second')
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test(
  'whatever messages are lost, late or overtaken: after a quiet re-read the index is the record',
  async () => {
    const step = fc.record({
      act: fc.constantFrom('open', 'end', 'deliver', 'lose', 'answer', 'watch', 'unwatch', 'pass'),
      which: fc.nat({ max: 7 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const stage = createIndexStage()
        const all = Array.from({ length: 8 }, () => envelopeAt(square))
        const [{ cell7, cell10 }] = all as [(typeof all)[0]]
        const untouched = [...all]
        const answers: (() => void)[] = []
        const messages: Parameters<typeof stage.index.apply>[0][] = []
        stage.gate.beforeAnswer = () => new Promise(resolve => answers.push(resolve))
        let watchers = 0
        for (const { act, which } of steps) {
          if (act === 'open') {
            const next = untouched.pop()
            if (next) messages.push(stage.open(next))
          } else if (act === 'end') {
            const id = stage.liveIds()[which]
            const envelope = all.find(one => one.id === id)
            if (envelope) messages.push(stage.end(envelope))
          } else if (act === 'deliver') {
            const [message] = messages.splice(which % (messages.length || 1), 1)
            if (message && stage.followed.has(cell7)) stage.index.apply(message)
          } else if (act === 'lose') messages.splice(which % (messages.length || 1), 1)
          else if (act === 'answer')
            answers.splice(which % (answers.length || 1), 1).forEach(answer => answer())
          else if (act === 'watch') {
            stage.index.watch([cell7])
            watchers++
          } else if (act === 'unwatch' && watchers > 0) {
            stage.index.unwatch([cell7])
            watchers--
          } else if (act === 'pass') await stage.clock.pass(which * 5_000)
          await settle()
        }
        stage.index.watch([cell7])
        stage.gate.beforeAnswer = () => Promise.resolve()
        for (let i = 0; i < 5; i++) {
          answers.splice(0).forEach(answer => answer())
          await settle()
        }
        await stage.clock.pass(30_000)
        const indexed = stage.idsAt(cell10).toSorted()
        stage.index.close()
        return indexed.join() === stage.liveIds().toSorted().join() && stage.clock.timersLeft() === 0
      }),
      { numRuns: 150 },
    )
  },
)
