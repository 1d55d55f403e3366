import t from 'tap'
import { createRecent } from '#platform/recent.ts'

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
