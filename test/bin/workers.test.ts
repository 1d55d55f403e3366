/**
 * `npm start -- --workers N`: what the first process decides as a table, and a rolling restart under load with real
 * processes, in which every claim is answered, every player comes back, and the books balance.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { closeCodes } from '#protocol/ws/frame.ts'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { getEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import { getWallet } from '#protocol/rest/players.ts'
import { createSupervisor, type Order, type WorkerEvent } from '../../src/bin/supervisor.ts'
import { eventually } from '../acceptance/eventually.ts'
import { makeDataDir, nodeStart, run, startServer } from '../acceptance/launch.ts'
import { fixAt, type Person, signUp } from '../acceptance/person.ts'
import { kill } from '../acceptance/processes.ts'
import { createRest } from '../acceptance/rest.ts'
import { runTool } from './run-tool.ts'

t.setTimeout(180_000)

const say = (order: Order): string => {
  if (order.order === 'start') return `start ${order.id}${order.afterMs > 0 ? ` in ${order.afterMs}` : ''}`
  return 'id' in order ? `${order.order} ${order.id}` : order.order
}

t.test('what the first process decides', async t => {
  const tell = (wanted: number, events: readonly WorkerEvent[]): string[] => {
    const supervisor = createSupervisor(wanted)
    return [supervisor.begin(), ...events.map(event => supervisor.take(event))].map(orders =>
      orders.map(say).join(', '),
    )
  }
  const ready = (id: number): WorkerEvent => ({ type: 'ready', id })
  const exited = (id: number, atMs = 0): WorkerEvent => ({ type: 'exited', id, atMs })
  const [restart, stop]: WorkerEvent[] = [{ type: 'restart' }, { type: 'stop' }]
  const up = [ready(1), ready(2)]
  const begun = ['start 1, start 2', '', '']
  const table: [string, readonly (WorkerEvent | undefined)[], string[]][] = [
    ['one that dies is replaced', [exited(1)], ['start 3 in 100']],
    ['the second soon after waits longer', [exited(1), exited(2, 5)], ['start 3 in 100', 'start 4 in 200']],
    ['a minute later it is forgotten', [exited(1), exited(2, 60_001)], ['start 3 in 100', 'start 4 in 100']],
    [
      'one at a time, each behind its successor',
      [restart, ready(3), exited(1), ready(4), exited(2)],
      ['start 3', 'retire 1', 'start 4', 'retire 2', ''],
    ],
    ['twice is once', [restart, restart, ready(3)], ['start 3', '', 'retire 1']],
    ['a successor that dies leaves the old ones', [restart, exited(3), ready(1)], ['start 3', '', '']],
    [
      'one that listens and dies ends the restart, and is replaced',
      [restart, ready(3), exited(3), exited(1), ready(4)],
      ['start 3', 'retire 1', 'start 4 in 100', '', ''],
    ],
    [
      'one that dies before its turn has a successor already',
      [restart, exited(1), ready(3), ready(4), exited(2)],
      ['start 3', '', 'start 4', 'retire 2', ''],
    ],
    [
      'one that dies out of turn takes the successor of another',
      [restart, exited(2), ready(3), ready(4), exited(1)],
      ['start 3', '', 'start 4', 'retire 1', ''],
    ],
    ['all stop, and then it is done', [stop, exited(1), exited(2)], ['stop 1, stop 2', '', 'done']],
    ['no restart while it stops', [stop, restart], ['stop 1, stop 2', '']],
    [
      'enough is enough',
      Array.from({ length: 7 }, (_, i) => exited(i + 1)),
      [
        ...['start 3 in 100', 'start 4 in 200', 'start 5 in 400', 'start 6 in 800', 'start 7 in 1600'],
        ...['start 8 in 3200', 'give_up, stop 8'],
      ],
    ],
  ]
  for (const [what, events, orders] of table) {
    const given = events.filter(event => event !== undefined)
    t.same(tell(2, [...up, ...given]), [...begun, ...orders], what)
  }
  t.same(tell(2, [exited(1)]), ['start 1, start 2', 'give_up, stop 2'], 'what never ran is not tried again')
})

t.test('whatever happens, as many as are wanted or one more remain', async t => {
  type Step = { what: 'ready' | 'exited' | 'restart'; pick: number }
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom('ready', 'exited', 'restart'),
    pick: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), (wanted, steps) => {
      const supervisor = createSupervisor(wanted)
      const [starting, running, leaving] = [new Set<number>(), new Set<number>(), new Set<number>()]
      let atMs = 0
      const follow = (orders: Order[]): void => {
        for (const order of orders) {
          if (order.order === 'start') starting.add(order.id)
          else if (order.order === 'retire' && running.delete(order.id)) leaving.add(order.id)
          else throw new Error(`unexpected: ${say(order)}`)
        }
        const staying = starting.size + running.size
        if (staying !== wanted && staying !== wanted + 1) throw new Error(`${staying} of ${wanted} remain`)
        if (leaving.size > 1) throw new Error('more than one leaves')
      }
      const tell = (what: Step['what'], id: number): void => {
        for (const group of [starting, running, leaving]) group.delete(id)
        if (what === 'ready') running.add(id)
        // So far apart that no death is one too many.
        follow(
          supervisor.take(what === 'restart' ? { type: what } : { type: what, id, atMs: (atMs += 61_000) }),
        )
      }
      const settle = (): void => {
        while (starting.size + leaving.size > 0) {
          for (const id of starting) tell('ready', id)
          for (const id of leaving) tell('exited', id)
        }
      }
      follow(supervisor.begin())
      for (const id of starting) tell('ready', id)
      for (const { what, pick } of steps) {
        const among = what === 'ready' ? [...starting] : [...starting, ...running, ...leaving]
        const id = among[pick % among.length]
        if (what === 'restart') follow(supervisor.take({ type: what }))
        else if (id !== undefined) tell(what, id)
      }
      settle()
      if (running.size !== wanted) throw new Error(`${running.size} of ${wanted} in the end`)
      const before = new Set(running)
      follow(supervisor.take({ type: 'restart' }))
      settle()
      if ([...running].some(id => before.has(id))) throw new Error('one was not replaced')
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})

/** Of Linux, where CI runs; elsewhere nobody is counted. */
const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter(one => {
      try {
        const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${one}/stat`, 'utf8')) ?? []
        return Number(parent) === pid && readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('server.ts')
      } catch {
        return false
      }
    })

/** Asks as a good client does, until the answer is final; a broken line is asked again. */
async function claim(person: Person, id: string): Promise<string> {
  for (;;) {
    const outcome = await person
      .call(claimEnvelope, { id, body: { fix: fixAt(place) } })
      .catch(() => undefined)
    if (outcome?.status === 'ok' && outcome.code === 200) return 'claimed'
    const mayPass = outcome?.status !== 'refused' || ['unavailable', 'try_again'].includes(outcome.code)
    if (!mayPass) return outcome.code
    await sleep(100)
  }
}

const place = { lat: 45.80371, lng: 126.53497 }

t.test('a rolling restart under load loses no claim, and everybody comes back', async t => {
  const dataDir = await makeDataDir(t)
  const server = await startServer(t, { dataDir, command: [...nodeStart, '--workers', '2'] })
  const { banner } = server
  const before = childrenOf(server.pid)
  const hasNone = (pids: readonly number[]) => () => {
    const now = childrenOf(server.pid)
    return (now.length === 2 && !now.some(pid => pids.includes(pid))) || undefined
  }
  t.equal(before.length, 2)
  const merchant = createRest({ url: banner.url, credential: banner.merchantKey })
  const { id } = await merchant.get(hideEnvelope, {
    idempotencyKey: 'the-envelope',
    body: {
      place: { type: 'Point', coordinates: [place.lng, place.lat] },
      total: { amountMinor: '4000', currency: 'CNY' },
      ...{ shares: 40, split: 'equal' },
    },
  })
  const people: Person[] = []
  for (let i = 0; i < 40; i++) people.push(await signUp(t, banner))
  const plays = await Promise.all(people.slice(0, 8).map(person => person.play(place)))

  let hasEnded = false
  const claims = people.map(async (person, i) => {
    await sleep(i * 120)
    return claim(person, id)
  })
  // A balancer that asks the whole time is never sent elsewhere.
  let [asked, notReady] = [0, 0]
  const balancer = (async () => {
    while (!hasEnded) {
      const reply = await fetch(`${banner.url}/readyz`, { headers: { connection: 'close' } })
      asked++
      if (reply.status !== 200) notReady++
      await reply.arrayBuffer()
      await sleep(50)
    }
  })()
  process.kill(server.pid, 'SIGUSR2')
  await eventually('both are replaced', hasNone(before), { withinMs: 60_000 })
  for (const play of plays) t.equal(await play.closed(), closeCodes.restarting, 'each socket is told to go')
  for (const play of plays) t.ok(play.frames.some(({ type }) => type === 'goodbye'))
  const again = await Promise.all(people.slice(0, 8).map(person => person.play(place)))
  t.same(new Set(await Promise.all(claims)), new Set(['claimed']), 'forty shares, forty players')
  hasEnded = true
  await balancer
  t.ok(asked > 10)
  t.equal(notReady, 0)
  for (const play of again) t.ok(play.frames.some(({ type }) => type === 'snapshot'))
  const heldBy = async (person: Person) => {
    const { balances } = await person.get(getWallet)
    return balances.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)
  }
  const given = await heldBy(await signUp(t, banner))
  const held = await Promise.all(people.map(heldBy))
  t.same([...new Set(held)], [given + 100n], 'each has what they won, once')
  t.match(await merchant.get(getEnvelope, { id }), { state: 'empty' })
  const { code, stdout } = await runTool('reconcile', [], { DATA_DIR: dataDir })
  t.equal(code, 0, stdout)

  const readMetrics = async () => {
    const headers = { authorization: `Bearer ${banner.operatorKey}`, connection: 'close' }
    return (await fetch(`${banner.url}/metrics`, { headers })).text()
  }
  const claimed =
    /^hexbao_http_request_duration_seconds_count\{.*route="\/v1\/envelopes\/:id\/claims".*\} (\d+)$/gm
  const countClaims = (page: string) =>
    [...page.matchAll(claimed)].reduce((sum, [, count]) => sum + Number(count), 0)
  const page = await readMetrics()
  t.match(page, 'hexbao_workers{state="answering"} 2')
  t.match(page, 'hexbao_sockets 8')
  t.ok(countClaims(page) >= people.length, 'claims that were answered by workers that have gone')

  const [victim = 0] = childrenOf(server.pid)
  kill(victim, 'SIGKILL')
  await eventually('a worker that dies is replaced', hasNone([victim]), { withinMs: 60_000 })
  // The process is there at once; loading the program takes it as long as those of the rolling restart.
  const tellFigures = async () => {
    const figures = await readMetrics()
    return figures.includes('hexbao_workers{state="answering"} 2') ? figures : undefined
  }
  const later = await eventually('it tells its figures', tellFigures, { withinMs: 60_000 })
  t.equal(countClaims(later), countClaims(page), 'and what the dead one counted is not forgotten')
  const tooMany = run(t, [...nodeStart, '--workers', '40'], { DATA_DIR: dataDir, PORT: '0' })
  t.equal(await tooMany.exited, 1)
  t.match(tooMany.stderr(), /40 workers .* PostgreSQL takes 200: lower DATABASE_CONNECTIONS/)
  t.equal(await server.pressCtrlC(), 0)
})
