/** `npm run listen` against the whole server: what it prints, and how it ends. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { createWorld } from '../helpers/world.ts'
import { plantEnvelope } from '../realtime/planting.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const square = { lat: 31.2304, lng: 121.4737 }
const at = `--at=${square.lat},${square.lng}`

const world = await createWorld(t)
const config = requireReady(
  loadConfig({
    MODE: 'sandbox',
    DATABASE_URL: world.databaseUrl,
    REDIS_URL: world.redisUrl,
    JWT_SECRET: 's'.repeat(40),
    HMAC_SECRET: 'h'.repeat(40),
    OPERATOR_KEY: `hbo_${'o'.repeat(40)}`,
    LOG_LEVEL: 'silent',
  }),
)
const app = await createApp({
  ...{ config, clock: systemClock, random: systemRandom, redisPrefix: world.redisPrefix },
  log: createLogger('silent'),
})
t.teardown(app.close)
const url = await app.http.listen({ port: 0, host: '127.0.0.1' })

function listen(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [...asTypeScript, 'src/bin/listen.ts', ...args], { cwd: root })
  t.teardown(() => child.kill('SIGKILL'))
  let [out, err] = ['', '']
  const waiting = new Set<() => void>()
  child.stdout.on('data', chunk => {
    out += String(chunk)
    waiting.forEach(check => check())
  })
  child.stderr.on('data', chunk => (err += String(chunk)))
  const ended = new Promise<{ code: number | null; out: string; err: string }>(resolve =>
    child.once('close', code => resolve({ code, out, err })),
  )
  return {
    child,
    ended,
    printed: (what: RegExp) =>
      new Promise<string>(resolve => {
        const check = () => what.test(out) && resolve(out)
        waiting.add(check)
        check()
      }),
  }
}

t.test('signs up, stands there, prints what comes, and ends with Ctrl-C', async t => {
  const near = await plantEnvelope(world, square, { greeting: 'Happy new year', clue: 'Under the tree' })
  const { child, ended, printed } = listen(t, at, `--url=${url}`)
  await printed(/warmth/)
  child.kill('SIGINT')
  const { code, out, err } = await ended
  t.equal(code, 0)
  t.equal(err, '')
  const lines = out.trimEnd().split('\n')
  t.match(lines[0], /^\d\d:\d\d:\d\d\.\d{3} {2}welcome +player [0-9a-f-]{36}, a tick every 250 ms$/)
  t.match(lines[1], /position\.ack +accepted$/)
  t.match(lines[2], /snapshot +here .*"Happy new year" clue: Under the tree/)
  t.ok(lines[2]?.includes(near.id))
  t.match(lines[3], /warmth +within 1 km 1\+, within 2 km 1\+$/)
})

t.test('the frames as they come, for an existing player, by the address of the socket', async t => {
  const signed = await app.http.inject({ method: 'POST', url: '/v1/players', payload: {} })
  const { token, player } = signed.json<{ token: string; player: { id: string } }>()
  const address = `${url.replace('http', 'ws')}/v1/play`
  const { child, ended, printed } = listen(t, at, '--json', `--url=${address}`, '--token', token)
  await printed(/"warmth"/)
  child.kill('SIGINT')
  const { code, out } = await ended
  t.equal(code, 0)
  const frames = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  t.match(frames[0], { seq: 1, type: 'welcome', playerId: player.id })
  t.same(
    frames.slice(1, 4).map(({ type }) => type),
    ['position.ack', 'snapshot', 'warmth'],
  )
})

t.test('who is wrong is told so', async t => {
  const endings = await Promise.all([
    listen(t, '--at=here', `--url=${url}`).ended,
    listen(t, at, '--url=http://127.0.0.1:1').ended,
    listen(t, at, `--url=${url}`, '--token=wrong').ended,
  ])
  t.same(
    endings.map(({ code }) => code),
    [2, 1, 1],
  )
  const [usage, nobody, stranger] = endings.map(({ err }) => err)
  t.match(usage, /^--at takes LAT,LNG in degrees, not here\n\nUsage:/)
  t.match(nobody, /^no server answers at http:\/\/127\.0\.0\.1:1/)
  t.equal(stranger, 'the token is not valid\n')
})
