/** In whose name work is done, and for how long. */
import t from 'tap'
import { inNameOf, inNobodysName, requestUnderWay } from '#platform/tenant.ts'

const nameNow = () => requestUnderWay()?.tenantId
const gate = () => {
  let open = () => {}
  const opened = new Promise<void>(resolve => (open = resolve))
  return { open, opened }
}

t.test('what a request awaits is done in its name, beside others and outside of them', async t => {
  const [first, second] = [gate(), gate()]
  const told: (string | undefined)[] = []
  const tell = async (until: Promise<void>) => {
    await until
    told.push(nameNow())
  }
  const works = [
    inNameOf({ tenantId: 'a' }, () => tell(first.opened)),
    inNameOf({ tenantId: 'b' }, () => tell(second.opened)),
    tell(second.opened),
  ]
  first.open()
  await works[0]
  t.same(told, ['a'])
  second.open()
  await Promise.all(works)
  t.same(told, ['a', 'b', undefined], 'one that is over takes no name from another')
  t.equal(
    inNameOf({ tenantId: 'c' }, () => nameNow()),
    'c',
  )
  t.throws(
    () =>
      inNameOf({ tenantId: 'd' }, () => {
        throw new Error('at once')
      }),
    /at once/,
  )
  await t.rejects(
    inNameOf({ tenantId: 'e' }, () => Promise.reject(new Error('later'))),
    /later/,
  )
  t.equal(nameNow(), undefined)
})

t.test('what goes on when its request is over asks nothing', async t => {
  const [late, other] = [gate(), gate()]
  let goesOn: Promise<unknown> | undefined
  const held = inNameOf({ tenantId: 'other' }, () => other.opened)
  await inNameOf({ tenantId: 'a' }, async () => {
    goesOn = late.opened.then(() => nameNow())
  })
  late.open()
  await t.rejects(goesOn ?? Promise.resolve(), /over/)
  other.open()
  await held
})

t.test('what a request causes and nobody waits for is done in nobody’s name', async t => {
  const [late, other] = [gate(), gate()]
  let goesOn: Promise<unknown> | undefined
  const held = inNameOf({ tenantId: 'other' }, () => other.opened)
  await inNameOf({ tenantId: 'a' }, async () => {
    goesOn = inNobodysName(() => late.opened.then(() => nameNow()))
    t.equal(nameNow(), 'a', 'the request keeps its own')
  })
  late.open()
  t.equal(await goesOn, undefined)
  other.open()
  await held
  t.equal(
    inNobodysName(() => nameNow()),
    undefined,
    'where no request has one',
  )
})

t.test('names are followed only while a request has one', async t => {
  const late = gate()
  let goesOn: Promise<unknown> | undefined
  await inNameOf({ tenantId: 'a' }, async () => {
    goesOn = late.opened.then(() => nameNow())
  })
  late.open()
  t.equal(await goesOn, undefined, 'nothing is followed, and the runtime pays for nothing')
})
