import { test } from 'tap'
import { type Sample, sumOf, watched } from './samples.ts'
import { judgeSamples } from './verdict.ts'

const MIB = 2 ** 20
const quiet = Object.fromEntries(watched.map(name => [name, 0])) as Sample['figures']

const samplesOf = (change: (i: number) => Partial<Sample>, count = 60): Sample[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ atMin: i / 2, heldBytes: 60 * MIB, rssBytes: 200 * MIB, loopP99Ms: 20, figures: quiet },
    ...change(i),
  }))
const brokenOf = (change: (i: number) => Partial<Sample>, count?: number) =>
  judgeSamples(samplesOf(change, count)).broken

test('a server that fills its caches, and then stays as it is, is steady', async t => {
  t.strictSame(
    brokenOf(i => ({ heldBytes: Math.min(80, 40 + 3 * i) * MIB, rssBytes: (200 + 5 * (i % 3)) * MIB })),
    [],
  )
  t.match(
    brokenOf(() => ({}), 8),
    ['8 samples are too few to say anything'],
  )
})

test('what grows with the traffic is not', async t => {
  t.match(
    brokenOf(i => ({ heldBytes: (60 + i * 0.7) * MIB })),
    [/what it holds grew: 80\.\d MiB in the second third, 9\d/],
  )
  t.match(
    brokenOf(i => ({ rssBytes: (200 + 3 * i) * MIB })),
    [/the process grew/],
  )
  t.match(
    brokenOf(i => ({ rssBytes: i === 3 ? 900 * MIB : 200 * MIB })),
    [/had 900\.0 MiB/],
  )
})

test('nor is one that is late, leaves something waiting, or whose books are wrong once', async t => {
  t.match(
    brokenOf(() => ({ loopP99Ms: 300 })),
    [/late by 300 ms/],
  )
  t.match(
    brokenOf(() => ({ loopP99Ms: Number.NaN })),
    [/late by NaN/],
  )
  t.strictSame(
    brokenOf(i => ({ loopP99Ms: i % 5 === 0 ? 900 : 10 })),
    [],
  )
  for (const [name, value] of [
    ['hexbao_oversold', 1],
    ['hexbao_double_paid', 1],
    ['hexbao_unbalanced', -1],
    ['hexbao_dead_letters', Number.NaN],
    ['hexbao_outbox_lag_seconds', 61],
    ['hexbao_unsettled_age_seconds', Number.NaN],
  ] as const)
    t.equal(brokenOf(i => ({ figures: { ...quiet, [name]: i === 7 ? value : 0 } })).length, 1, name)
})

test('a metric is read over its labels, and not with those that begin as it does', async t => {
  const text = '# HELP a x\na{s="1"} 2\na{s="2"} 3.5\na_b 7\nc 1e-3\nd Nan\n'
  t.equal(sumOf(text, 'a'), 5.5)
  t.equal(sumOf(text, 'c'), 0.001)
  t.ok(Number.isNaN(sumOf(text, 'd')))
  t.ok(Number.isNaN(sumOf(text, 'e')))
})
