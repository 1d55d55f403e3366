/** /metrics of several workers: how their figures are added up, and what becomes of those of one that is gone. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import t from 'tap'
import { createFleetDesk, createFleetMember, type FleetMessage } from '#platform/fleet.ts'
import { addGauge } from '#platform/metrics.ts'
import { createTestClock } from '../helpers/test-clock.ts'

/** As process.send does. */
const carry = (message: FleetMessage): unknown => JSON.parse(JSON.stringify(message))

/** A desk and its workers, whose waiting ends when the test says so. */
function openFleet() {
  const due = new Map<() => void, number>()
  const clock = {
    ...createTestClock(),
    after(ms: number, task: () => void) {
      due.set(task, ms)
      return () => void due.delete(task)
    },
  }
  const faults: unknown[] = []
  const desk = createFleetDesk({ clock, onFault: error => faults.push(error) })

  function addWorker(id: number) {
    const registries = { own: new Registry(), stores: new Registry() }
    const registers = [registries.own]
    const claims = new Counter({ name: 'claims_total', help: 'Claims.', labelNames: ['outcome'], registers })
    const took = new Histogram({ name: 'took_seconds', help: 'Time.', buckets: [1, 2], registers })
    const lag = new Gauge({
      name: 'nodejs_eventloop_lag_seconds',
      help: 'Lag.',
      registers,
      aggregator: 'average',
    })
    addGauge(registries.own, { name: 'sockets', help: 'Sockets.' }, () => [{ value: 10 }])
    addGauge(registries.own, { name: 'share', help: 'Share.', over: 'min' }, () => [{ value: 1 / id }])
    addGauge(registries.own, { name: 'unknown', help: 'None.', over: 'max' }, () => [])
    let storeReads = 0
    addGauge(registries.stores, { name: 'waiting', help: 'Waiting.' }, () => [{ value: (storeReads++, 7) }])
    let hear = (_message: unknown): void => {}
    let isSilent = false
    const member = createFleetMember({
      send: async message => void (isSilent || desk.hear(id, carry(message))),
      listen: listener => (hear = listener),
      clock,
    })
    member.join(registries)
    desk.welcome(id, { send: message => hear(carry(message)) })
    return { claims, took, lag, member, storeReads: () => storeReads, silence: () => (isSilent = true) }
  }
  const pass = (ms: number) => {
    for (const [task, afterMs] of [...due]) if (afterMs <= ms) task()
  }
  return { desk, addWorker, pass, due, faults }
}

const aTurn = () => new Promise(resolve => setImmediate(resolve))

const valueOf = (page: string, name: string) =>
  page
    .split('\n')
    .find(line => line.startsWith(`${name} `))
    ?.split(' ')[1]

t.test('any worker shows the figures of all', async t => {
  const { addWorker, due, faults } = openFleet()
  const [one, two] = [addWorker(1), addWorker(2)]
  one.claims.inc({ outcome: 'won' }, 3)
  two.claims.inc({ outcome: 'won' }, 4)
  two.claims.inc({ outcome: 'lost' })
  one.took.observe(0.5)
  two.took.observe(1.5)
  one.lag.set(0.2)
  two.lag.set(0.1)
  const page = await two.member.show()
  t.equal(valueOf(page, 'claims_total{outcome="won"}'), '7')
  t.equal(valueOf(page, 'claims_total{outcome="lost"}'), '1')
  t.equal(valueOf(page, 'took_seconds_bucket{le="1"}'), '1')
  t.equal(valueOf(page, 'took_seconds_bucket{le="+Inf"}'), '2')
  t.equal(valueOf(page, 'took_seconds_sum'), '2')
  t.equal(valueOf(page, 'sockets'), '20')
  t.equal(valueOf(page, 'share'), '0.5', 'of the worst')
  t.equal(valueOf(page, 'nodejs_eventloop_lag_seconds'), '0.2', 'of the slowest')
  t.equal(valueOf(page, 'unknown'), undefined, 'what nobody knows is not 0')
  t.equal(valueOf(page, 'waiting'), '7', 'of the stores, once')
  t.equal(one.storeReads() + two.storeReads(), 1, 'and read once')
  t.equal(valueOf(page, 'hexbao_workers{state="answering"}'), '2')
  t.equal(valueOf(page, 'hexbao_workers{state="silent"}'), '0')
  t.equal(due.size, 0, 'nothing is left waiting')
  t.same(faults, [])
})

t.test('whoever looks at the same time sees the same', async t => {
  const { addWorker } = openFleet()
  const [one, two] = [addWorker(1), addWorker(2)]
  const pages = await Promise.all([one.member.show(), one.member.show(), two.member.show()])
  t.equal(new Set(pages).size, 1)
  t.equal(one.storeReads(), 1)
})

t.test('counters do not fall when a worker goes', async t => {
  const { desk, addWorker } = openFleet()
  const [one, two] = [addWorker(1), addWorker(2)]
  one.claims.inc({ outcome: 'won' }, 3)
  one.took.observe(0.5)
  two.claims.inc({ outcome: 'won' }, 4)
  await two.member.show()
  desk.leave(1)
  const three = addWorker(3)
  three.claims.inc({ outcome: 'won' }, 1)
  two.claims.inc({ outcome: 'won' }, 2)
  const page = await three.member.show()
  t.equal(valueOf(page, 'claims_total{outcome="won"}'), '10')
  t.equal(valueOf(page, 'took_seconds_count'), '1')
  t.equal(valueOf(page, 'sockets'), '20', 'gauges are those of who is there')
  two.claims.inc({ outcome: 'won' }, 5)
  await two.member.tellLast()
  desk.leave(2)
  desk.leave(3)
  const last = await addWorker(4).member.show()
  t.equal(valueOf(last, 'claims_total{outcome="won"}'), '15', 'what was counted since the last look as well')
  t.equal(valueOf(last, 'hexbao_workers{state="answering"}'), '1')
})

t.test('a worker that does not tell in time is counted, with its last counters', async t => {
  const { addWorker, pass } = openFleet()
  const [one, two] = [addWorker(1), addWorker(2)]
  one.claims.inc({ outcome: 'won' }, 3)
  two.claims.inc({ outcome: 'won' }, 4)
  await two.member.show()
  one.silence()
  one.claims.inc({ outcome: 'won' }, 5)
  const asked = two.member.show()
  await aTurn()
  pass(2_000)
  const page = await asked
  t.equal(valueOf(page, 'claims_total{outcome="won"}'), '7', 'what it told before')
  t.equal(valueOf(page, 'sockets'), '10')
  t.equal(valueOf(page, 'hexbao_workers{state="answering"}'), '1')
  t.equal(valueOf(page, 'hexbao_workers{state="silent"}'), '1')
})

t.test('a page that does not come is refused, not shown in part', async t => {
  const { addWorker, pass, due } = openFleet()
  const one = addWorker(1)
  one.silence()
  const asked = one.member.show()
  await aTurn()
  pass(4_000)
  await t.rejects(asked, { name: 'Unavailable' })
  t.equal(due.size, 0)
})

t.test('one that goes while it is asked does not hold up the others', async t => {
  const { desk, addWorker } = openFleet()
  const [one, two] = [addWorker(1), addWorker(2)]
  one.silence()
  const asked = two.member.show()
  await aTurn()
  desk.leave(1)
  const page = await asked
  t.equal(valueOf(page, 'hexbao_workers{state="answering"}'), '1')
  t.equal(valueOf(page, 'hexbao_workers{state="silent"}'), '0')
})

t.test('noise on the line is nobody’s', async t => {
  const { desk, addWorker } = openFleet()
  const one = addWorker(1)
  for (const noise of [null, 'retire', 7, {}, { type: 'metrics.else' }]) desk.hear(1, noise)
  desk.hear(9, { type: 'metrics.show' })
  t.equal(valueOf(await one.member.show(), 'sockets'), '10')
})
