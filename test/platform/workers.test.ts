/** Workers: on threads of their own, a bounded number of them and of those who wait, whatever a task does. */
import { threadId } from 'node:worker_threads'
import t from 'tap'
import { createWorkers } from '#platform/workers.ts'

type Task = { does: 'tell' | 'throw' | 'die' | 'hang'; flag?: Int32Array }

/** Written for the test: TypeScript, which Node alone cannot load. */
const code = `
  import { threadId } from 'node:worker_threads'
  let tasks: number = 0
  export function runTask({ does, flag }: { does: string; flag?: Int32Array }) {
    tasks++
    if (does === 'throw') throw new RangeError('on purpose')
    if (does === 'die') process.exit(7)
    if (does === 'hang' && flag) Atomics.wait(flag, 0, 0)
    return { threadId, tasks }
  }`
const dir = t.testdir({ 'task.ts': code })
const module = new URL(`file://${dir}/task.ts`)
type Told = { threadId: number; tasks: number }
const open = (threads: number, waiting: number, withinMs = 60_000) => {
  const workers = createWorkers<Task, Told>({ module, threads, waiting, withinMs })
  t.teardown(workers.close)
  return workers
}
/** Holds whoever hangs on it, until it is let go. */
function createHold() {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const letGo = () => {
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
  }
  return { flag, letGo }
}

t.test('a task runs on another thread, which is kept for the next', async t => {
  const workers = open(1, 1)
  const first = await workers.run({ does: 'tell' })
  t.not(first.threadId, threadId)
  t.same(await workers.run({ does: 'tell' }), { threadId: first.threadId, tasks: 2 })
  await t.rejects(workers.run({ does: 'throw' }), { name: 'RangeError', message: 'on purpose' })
  t.equal((await workers.run({ does: 'tell' })).tasks, 4, 'an error is an answer')
})

t.test('so many run, so many wait, and the next is told to come again', async t => {
  const workers = open(2, 1)
  const { flag, letGo } = createHold()
  const held = [workers.run({ does: 'hang', flag }), workers.run({ does: 'hang', flag })]
  const waits = workers.run({ does: 'tell' })
  await t.rejects(workers.run({ does: 'tell' }), { name: 'Unavailable', retryAfterMs: 1_000 })
  letGo()
  const threads = new Set((await Promise.all([...held, waits])).map(told => told.threadId))
  t.equal(threads.size, 2)
  t.ok(await workers.run({ does: 'tell' }), 'there is room again')
})

t.test('a worker that dies fails its task alone', async t => {
  const workers = open(1, 1)
  const dies = workers.run({ does: 'die' })
  const follows = workers.run({ does: 'tell' })
  await t.rejects(dies, /a worker has ended with 7/)
  t.equal((await follows).tasks, 1, 'on a new one')
})

t.test('a task that takes too long is ended, and its place is free again', async t => {
  const workers = open(1, 1, 2_000)
  const { flag } = createHold()
  await t.rejects(workers.run({ does: 'hang', flag }), { name: 'Unavailable' })
  // On a machine that stands still even telling takes too long, once or twice.
  let told: Told | undefined
  for (let tries = 0; told === undefined && tries < 30; tries++) {
    told = await workers.run({ does: 'tell' }).catch(() => undefined)
  }
  t.equal(told?.tasks, 1, 'on a new thread')
})

t.test('closing ends what runs and what waits', async t => {
  const workers = open(1, 1)
  const { flag } = createHold()
  const all = [workers.run({ does: 'hang', flag }), workers.run({ does: 'tell' })]
  const ends = Promise.allSettled(all)
  await workers.close()
  t.same(
    (await ends).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})
