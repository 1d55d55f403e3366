/** The tables of README that benches measured. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { formatRecorded, publish } from './publish.ts'
import { readRecorded, type Recorded } from './recorded.ts'

const recorded: Recorded = {
  name: 'claims',
  startedAt: '2026-11-28T08:30:00.000Z',
  machine: {
    cpu: '2 × some',
    memory: '24 GiB',
    system: 'linux',
    load: '0.1 0.1 0.1',
    node: 'v20',
    commit: 'abc',
  },
  settings: { rounds: 9 },
  holds: false,
  figures: [
    { what: 'bare POST (9000.50 … 9100.25)', value: 9_050.4, unit: '/s' },
    { what: '  of bare (quartiles 0.62 … 0.70)', value: 0.661, unit: '×', atLeast: 0.8 },
    { what: 'differences in the books', value: 0, unit: '', atMost: 0 },
    { what: 'idle player: held', value: 23.24, unit: 'KiB' },
  ],
  notes: ['PostgreSQL 15'],
}

t.test('a table says what was measured, how, and what of it was missed', async t => {
  const lines = formatRecorded(recorded).split('\n')
  t.same(lines.slice(2, 6), [
    '| bare POST | 9,050 /s | 9,001 … 9,100 |  |',
    '| … of bare | 0.661 × | 0.620 … 0.700 | at least 0.8: **missed** |',
    '| differences in the books | 0 |  | at most 0 |',
    '| idle player: held | 23.2 KiB |  |  |',
  ])
  t.match(
    lines.slice(-3).join(' '),
    'On 2026-11-28 at commit abc: 2 × some, 24 GiB, linux, Node v20; PostgreSQL 15; rounds=9.',
  )
})

t.test('only what stands between the marks is replaced, each by its own bench', async t => {
  const text =
    'a\n<!-- bench: one -->\nold\nold\n<!-- bench end -->\nb\n<!-- bench: two -->\n<!-- bench end -->\nc'
  const published = publish(text, name => ({ ...recorded, name, figures: [] }))
  t.match(published, /^a\n<!-- bench: one -->\n\| `npm run bench -- one`[^]*<!-- bench end -->\nb\n/)
  t.match(published, /\nb\n<!-- bench: two -->\n\| `npm run bench -- two`[^]*<!-- bench end -->\nc$/)
  t.notMatch(published, /old/)
  t.equal(
    publish(published, name => ({ ...recorded, name, figures: [] })),
    published,
  )
})

t.test('README shows what was recorded', async t => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  t.equal(publish(readme, readRecorded), readme)
  t.match(readme, '<!-- bench: claims -->')
})
