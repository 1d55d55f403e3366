/** What `npm run prove` makes of what it found: each verdict both ways. The run itself takes three minutes. */
import t from 'tap'
import { createCensus } from '../../src/bin/bots/census.ts'
import { claims } from '../bench/claims.ts'
import { figureOf, ratioOf } from '../bench/figures.ts'
import { judgeFairness } from './fairness.ts'
import { exitCodeOf, formatHeading, formatVerdict, reach, type Verdict } from './lines.ts'
import { type Counted, judgeMoney } from './money.ts'
import { type Attacked, judgeSecrecy } from './secrecy.ts'
import { judgeSpeed, listRatios } from './speed.ts'

t.test('a heading and one line each; a part that throws is a verdict, too', async t => {
  const machine = {
    cpu: '2 × CPU',
    memory: '4 GiB',
    system: 'linux',
    load: '0.1',
    node: 'v20',
    commit: 'abc',
  }
  t.equal(
    formatHeading({ seed: 7, machine, stores: 'PostgreSQL 15, Redis 7', tookMs: 161_400 }),
    'hexbao, seed 7, in 161 s: 2 × CPU; 4 GiB; linux; load 0.1; Node v20; PostgreSQL 15, Redis 7; commit abc',
  )
  const fine = await reach('money', async () => ({ holds: true, said: '0 cents\n off' }))
  const bad = await reach('speed', async () => ({ holds: false, said: 'slow' }))
  const none = await reach('secrecy', () => Promise.reject(new Error('no\nserver')))
  t.equal(formatVerdict(fine), 'money     HOLDS  0 cents off')
  t.equal(formatVerdict(bad), 'speed     BROKEN slow')
  t.equal(formatVerdict(none), 'secrecy   COULD NOT RUN no server')
  t.match(none.error, { message: 'no\nserver' })
  const codeOf = (...verdicts: Verdict[]) => exitCodeOf(verdicts)
  t.same([codeOf(fine), codeOf(fine, bad), codeOf(fine, bad, none), codeOf()], [0, 1, 2, 1])
})

const counted: Counted = {
  ...{ attempts: 1_200, wins: 300, hides: 40, odd: [], reconciled: true, holds: true },
  findings: { centsOff: 0n, oversold: [], paidTwice: [], missing: [], stuck: [] },
  struck: new Map([
    ['kill -9 of Redis', { struck: 2, missed: 0 }],
    ['kill -9 of a server', { struck: 1, missed: 1 }],
  ]),
}

t.test('money: to the cent, and only where something was killed', async t => {
  const fine = judgeMoney(counted)
  t.match(fine, {
    holds: true,
    said: /^0 cents off after 1,200 claims on 40 envelopes, 300 won; .*Redis × 2 .*server × 1/,
  })
  t.match(fine.said, /reconcile agrees$/)
  const missed = new Map([...counted.struck, ['kill -9 of Redis', { struck: 0, missed: 2 }] as const])
  t.notOk(judgeMoney({ ...counted, struck: missed }).holds)
  t.notOk(judgeMoney({ ...counted, wins: 0 }).holds)
  const lost = { ...counted.findings, centsOff: 3n, missing: ['a win'] }
  const broken = judgeMoney({ ...counted, findings: lost, reconciled: false, holds: false })
  t.match(broken, { holds: false, said: /^3 cents off .* 0 paid twice, 1 lost, 0 stuck, .*DOES NOT AGREE$/ })
})

const ours = {
  attack: 'sweep',
  verdict: 'holds',
  isRight: true,
  areaM2: 12_000,
  boundaryM2: 12_000,
  requests: 5,
} as const
const attacked: Attacked = {
  naive: [{ verdict: 'leaks', worstErrorM: 0.3 }],
  ours: [ours],
  meter: { holds: true },
}

t.test('secrecy: the attacks have to be real, and fail', async t => {
  t.match(judgeSecrecy(attacked), { holds: true, said: /naive build to 0\.30 m; ours to 1\.00 of one cell/ })
  const broken: Partial<Attacked>[] = [
    { naive: [] },
    { naive: [{ verdict: 'leaks', worstErrorM: 1.5 }] },
    { naive: [{ verdict: 'holds', worstErrorM: 0.3 }] },
    { ours: [] },
    { ours: [{ ...ours, verdict: 'leaks' }] },
    { ours: [{ ...ours, isRight: false }] },
    { meter: { holds: false } },
  ]
  for (const change of broken) t.notOk(judgeSecrecy({ ...attacked, ...change }).holds, JSON.stringify(change))
  t.match(judgeSecrecy({ ...attacked, ours: [{ ...ours, verdict: 'leaks' }] }).said, /BELOW ONE CELL.*sweep/)
})

t.test('fairness: as the simulation judges it, of enough lies and finds', async t => {
  const census = createCensus()
  for (let i = 0; i < 999; i++) census.noteStand({ status: 'accepted' })
  census.noteStand({ status: 'ignored', reason: 'jump' })
  for (let i = 0; i < 100; i++) census.noteLie({ status: 'ignored', reason: 'jump' }, { isWorth: false })
  t.notOk(judgeFairness(census.read(), []).holds, 'nobody found anything')
  census.noteFind(1, 1, { isHonest: true })
  t.match(judgeFairness(census.read(), []), {
    holds: true,
    said:
      '0.100 % of 1,000 honest fixes and claims refused (1 × fix: ignored jump); ' +
      '100.0 % of 100 teleports and joined tracks refused',
  })
  t.match(judgeFairness(census.read(), ['the books do not hold']), {
    holds: false,
    said: /books do not hold$/,
  })
})

const figuresOf = (ended: number, reserves: number, off = 0) => [
  figureOf('bare Fastify POST, same schema', '/s', [100]),
  figureOf('HTTP claim, ended', '/s', [ended]),
  ratioOf('of bare', { ours: [ended], theirs: [100] }, { atLeast: 0.8 }),
  figureOf('reserves through the gate, batched', '/s', [reserves]),
  figureOf('redis-benchmark, the same script, one a call', '/s', [100]),
  ratioOf('of it', { ours: [reserves], theirs: [100] }, { atLeast: 0.8 }),
  { what: 'differences in the books afterwards', value: off, unit: '', atMost: 0 },
]

t.test('speed: the ratios of the bench, by its promises', async t => {
  const named = listRatios(figuresOf(90, 180)).map(({ what, against, figure }) => [
    what,
    against,
    figure.value,
  ])
  t.same(named, [
    ['HTTP claim, ended', 'bare', 0.9],
    ['reserves through the gate, batched', 'redis-benchmark, the same script, one a call', 1.8],
  ])
  t.match(judgeSpeed(figuresOf(90, 180)), {
    holds: true,
    said:
      'claims ended 0.90 × (at least 0.8) of bare Fastify; ' +
      'reserves through the gate 1.80 × (at least 0.8) of raw Redis; 0 differences in the books',
  })
  t.match(judgeSpeed(figuresOf(70, 180)), { holds: false, said: /LESS THAN 0\.8/ })
  t.notOk(judgeSpeed(figuresOf(90, 70)).holds)
  t.notOk(judgeSpeed(figuresOf(90, 180, 1)).holds)
  t.match(judgeSpeed(figuresOf(90, 180).slice(0, 3)), { holds: false, said: /not everything was measured/ })
  t.notOk(judgeSpeed([]).holds)
  for (const name of ['players', 'rounds', 'warmups', 'seconds', 'rushers', 'served', 'reserves'])
    t.ok(name in claims.settings, `the bench still has ${name}`)
})
