/** Who sends slowly holds a socket for a while, and nothing else: others are answered, and the slow are hung up on. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { looksForLateEveryMs } from '#platform/slow-bodies.ts'
import { limits } from '#protocol/limits.ts'
import { startPlayServer } from '../bin/play-server.ts'
import { quantile } from '../bench/figures.ts'

/** A thousand by `npm run soak -- slow-clients`. */
const clients = Number(process.env.SLOW_CLIENTS ?? 60)
const EVERY_MS = 500
/** As late as the last look comes, and some time for the machine. */
const gonePatienceMs = limits.http.requestTimeoutMs + looksForLateEveryMs + 5_000

const head =
  'POST /v1/players HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 2000\r\n'

type Slow = { socket: Socket; said: () => string; closedAfterMs: Promise<number> }

/** Byte by byte: its head, or a body behind a head that came at once. */
async function drip(port: number, part: 'head' | 'body'): Promise<Slow> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const startMs = performance.now()
  let said = ''
  socket.on('data', chunk => (said += String(chunk)))
  // Whoever is hung up on while writing hears that the pipe is broken.
  socket.on('error', () => undefined)
  if (part === 'body') socket.write(`${head}\r\n`)
  const bytes = part === 'head' ? head : `{"x":"${' '.repeat(1_000)}`
  let at = 0
  const timer = setInterval(() => socket.write(bytes[at++ % bytes.length] ?? ' '), EVERY_MS)
  const closedAfterMs = once(socket, 'close').then(() => {
    clearInterval(timer)
    return performance.now() - startMs
  })
  return { socket, said: () => said, closedAfterMs }
}

t.test('slow clients', async t => {
  const { url } = await startPlayServer(t)
  const port = Number(new URL(url).port)
  const before = process.memoryUsage().rss
  const slow = await Promise.all(
    Array.from({ length: clients }, (_, i) => drip(port, i % 2 === 0 ? 'head' : 'body')),
  )
  t.teardown(() => slow.forEach(({ socket }) => socket.destroy()))

  const tookMs: number[] = []
  for (let i = 0; i < 100; i++) {
    const startMs = performance.now()
    const answer = await fetch(`${url}/v1/players`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    await answer.text()
    tookMs.push(performance.now() - startMs)
    t.equal(answer.status, 201)
    await sleep(50)
  }
  t.comment(
    `others: p99 ${quantile(tookMs, 0.99).toFixed(1)} ms, the slowest ${Math.max(...tookMs).toFixed(1)} ms`,
  )

  const hungUp = await Promise.race([
    Promise.all(slow.map(({ closedAfterMs }) => closedAfterMs)),
    sleep(gonePatienceMs, undefined, { ref: false }),
  ])
  t.ok(hungUp !== undefined, 'all were hung up on')
  t.ok(Math.min(...(hungUp ?? [0])) >= limits.http.requestTimeoutMs - 1_000, 'not before their time')
  t.comment(`closed after ${Math.min(...(hungUp ?? []))} to ${Math.max(...(hungUp ?? []))} ms`)
  for (const { said } of slow)
    t.match(said(), /^HTTP\/1\.1 400 [^]*"code":"bad_request"[^]*did not arrive in time/)
  const grown = (process.memoryUsage().rss - before) / 2 ** 20
  t.comment(`the process grew by ${grown.toFixed(1)} MiB`)
  t.ok(grown < 50 + clients / 10, `grew by ${grown} MiB`)
})
