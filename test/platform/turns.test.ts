/** Answers that leave together: each its own, none lost, none kept waiting. */
import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { answersAtOnce, answerTogether } from '#platform/turns.ts'

/** Notes when answers are ready and when they leave, in order. */
async function start(t: Test) {
  const http = Fastify()
  const happened: string[] = []
  const note = (what: string) =>
    http.addHook('onSend', (request, _reply, payload, done) => {
      happened.push(`${what} ${request.url}`)
      done(null, payload)
    })
  note('ready')
  answerTogether(http)
  note('sent')
  http.get('/:no', async request => request.url)
  t.teardown(() => http.close())
  return { http, happened }
}

t.test('what is ready in one turn leaves when all of it is', async t => {
  const { http, happened } = await start(t)
  const replies = await Promise.all(['/1', '/2', '/3'].map(url => http.inject(url)))
  t.same(
    replies.map(({ body }) => body),
    ['/1', '/2', '/3'],
  )
  const [ready, sent] = [
    ['/1', '/2', '/3'].map(url => `ready ${url}`),
    ['/1', '/2', '/3'].map(url => `sent ${url}`),
  ]
  t.same(happened, [...ready, ...sent])
})

t.test('so many are enough, and the next ones leave as well', async t => {
  const { http, happened } = await start(t)
  const urls = Array.from({ length: answersAtOnce + 1 }, (_, i) => `/${i}`)
  const replies = await Promise.all(urls.map(url => http.inject(url)))
  t.same(
    replies.map(({ body }) => body),
    urls,
  )
  const firstSent = happened.findIndex(what => what.startsWith('sent'))
  t.equal(firstSent, answersAtOnce, 'nobody waits for more')
})

t.test('a client that is gone by then harms nobody', async t => {
  const { http } = await start(t)
  await http.listen({ port: 0, host: '127.0.0.1' })
  const { port } = http.server.address() as { port: number }
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET /gone HTTP/1.1\r\nhost: x\r\n\r\n')
  socket.resetAndDestroy()
  t.equal((await fetch(`http://127.0.0.1:${port}/here`)).status, 200)
})
