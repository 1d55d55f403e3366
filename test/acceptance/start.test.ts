/**
 * The README's start, as a user lives it: a first start, Ctrl-C, a second start on what the first left, the plug
 * pulled, a third start. One data folder goes through all of it, so the tests run in this order.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { Check } from 'typebox/value'
import { ClaimedAnswer, claimEnvelope, getClaim, listClaims } from '#protocol/rest/claims.ts'
import { listOwnEnvelopes } from '#protocol/rest/envelopes.ts'
import { getReadiness } from '#protocol/rest/health.ts'
import { getMe, getWallet, listWalletTransfers, signUpPlayer } from '#protocol/rest/players.ts'
import { eventually } from './eventually.ts'
import { type Banner, findDatabaseUrl, makeDataDir, npmStart, readRun, run, startServer } from './launch.ts'
import { kill, listLeft, listListening, listTree, type Process } from './processes.ts'
import { createRest } from './rest.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

// Some five starts, each of which a loaded machine makes slow.
t.setTimeout(420_000)

const execute = promisify(execFile)
const dataDir = await makeDataDir(t)
const env = { DATA_DIR: dataDir, PORT: '0' }

/** What one start leaves for the next to find. */
const left: { playerId?: string; merchantKey?: string; claim?: ClaimedAnswer } = {}

/** Executes the banner's own line, as pasted. */
async function pasteCurl(banner: string): Promise<unknown> {
  const line = /^ *(curl .*)$/m.exec(banner)?.[1] ?? 'false'
  const { stdout } = await execute('bash', ['-c', `${line} -w '\\n%{http_code}'`])
  const [body = '', code] = stdout.split(/\n(?=\d+$)/)
  return { code: Number(code), body: JSON.parse(body) as unknown }
}

const playerOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string }).sub

function assertGone(t: Test, tree: readonly Process[]): void {
  t.ok(
    tree.some(({ command }) => command.includes('postgres')),
    'PostgreSQL was among what it started',
  )
  t.ok(
    tree.some(({ command }) => command.includes('redis-server')),
    'Redis was among what it started',
  )
  t.same(listLeft(tree), [], 'nothing that it started is left')
}

t.test("the README's first command is the one that is tried here", async t => {
  t.match(await readFile(new URL('../../README.md', import.meta.url), 'utf8'), /^npm ci && npm start$/m)
  t.same(npmStart.slice(0, 2), ['npm', 'start'])
})

t.test('a first start: the pasted curl wins a share, and Ctrl-C ends everything', async t => {
  const server = run(t, npmStart, env)
  const banner = await server.until(/hexbao listens on [^]*Ctrl-C stops the server .*\n/)
  const url = /listens on (\S+)/.exec(banner)?.[1] ?? ''
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)

  const first = await pasteCurl(banner)
  t.match(first, { code: 200, body: { status: 'claimed' } })
  t.same(await pasteCurl(banner), first, 'the same answer again')
  const claim = (first as { body: unknown }).body
  if (!Check(ClaimedAnswer, claim)) throw new Error(`not a claim: ${JSON.stringify(claim)}`)
  const token = /^ +player +(\S+)$/m.exec(banner)?.[1] ?? ''
  Object.assign(left, { claim, playerId: playerOf(token), merchantKey: /hbk_test_\S+/.exec(banner)?.[0] })

  await assertDocuments(t, url)
  await assertPrivate(t, server.pid)
  const { mode } = await stat(join(dataDir, 'run.json'))
  t.equal(mode & 0o077, 0, 'the secrets are for the owner only')

  const tree = listTree(server.pid)
  t.equal(await server.pressCtrlC(), 0)
  assertGone(t, tree)
})

async function assertDocuments(t: Test, url: string): Promise<void> {
  for (const path of ['/docs', '/openapi.json', '/asyncapi.json', '/problems', '/problems/ended']) {
    const response = await fetch(url + path)
    const isJson = path.endsWith('.json')
    t.equal(response.status, 200, path)
    t.match(response.headers.get('content-type'), isJson ? 'application/json' : 'text/html', path)
    const text = await response.text()
    if (isJson) t.ok(JSON.parse(text), path)
    else t.match(text, /<html/i, path)
  }
}

/** Nothing is open to the network, and what listens for this machine wants a password. */
async function assertPrivate(t: Test, pid: number): Promise<void> {
  const { postgres, redis } = await readRun(dataDir)
  if (postgres === undefined || redis === undefined) throw new Error('run.json does not name both servers')
  if (process.platform === 'linux') {
    const listening = listListening(listTree(pid).map(one => one.pid))
    t.equal(listening.length, 3, `the game, PostgreSQL and Redis listen: ${listening.join(' ')}`)
    t.same(
      listening.filter(address => !address.startsWith('127.')),
      [],
      'on this machine only',
    )
  } else t.comment(`what listens is not looked at on ${process.platform}`)
  t.match(await sayTo(redis.port, 'PING\r\n'), /^-NOAUTH/, 'Redis')
  const { port } = postgres
  const stranger = new Client({
    host: '127.0.0.1',
    port,
    user: 'hexbao',
    password: 'guess',
    database: 'hexbao',
  })
  await t.rejects(stranger.connect(), { code: '28P01' }, 'PostgreSQL')
}

async function sayTo(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const [data] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return data.toString()
}

/** Who was there is there again, with what they have; what was made once is not made twice. */
async function assertRemembered(t: Test, { url, playerToken, playerId, merchantKey }: Banner): Promise<void> {
  t.match({ playerId, merchantKey }, { playerId: left.playerId, merchantKey: left.merchantKey })
  const player = createRest({ url, credential: playerToken })
  const me = await player.get(getMe)
  t.equal(me.id, playerId, 'the token is of the player')
  if (left.claim === undefined) throw new Error('the first start left no claim')
  const { claimId, envelopeId, amount, claimedAt } = left.claim
  t.match((await player.get(listClaims)).items, [{ claimId, envelopeId, amount, claimedAt }])
  const transfers = (await player.get(listWalletTransfers)).items
  t.same(transfers.map(({ kind }) => kind).sort(), ['claim', 'test_money'])
  const sum = transfers.reduce((sum, transfer) => sum + BigInt(transfer.amount.amountMinor), 0n)
  t.same((await player.get(getWallet)).balances, [{ ...amount, amountMinor: String(sum) }])

  const hidden = await createRest({ url, credential: merchantKey }).get(listOwnEnvelopes)
  const places = hidden.items.map(({ own }) => own?.place.coordinates.join())
  t.ok(places.length > 1, 'the demo is there')
  t.equal(new Set(places).size, places.length, 'nothing was seeded twice')
}

t.test('a second start remembers; what was acknowledged survives a kill -9 of everything', async t => {
  const server = await startServer(t, { dataDir, command: npmStart })
  t.same(Object.keys(server.banner).sort(), [
    'merchantKey',
    'operatorKey',
    'playerId',
    'playerToken',
    'socketUrl',
    'url',
  ])
  await assertRemembered(t, server.banner)
  const winner = await winAnother(server.banner)
  const tree = await server.killAll()
  assertGone(t, tree)

  const next = await startServer(t, { dataDir, command: npmStart })
  await assertRemembered(t, next.banner)
  const { url } = next.banner
  const survivor = createRest({ url, credential: winner.token })
  t.match(await survivor.get(getClaim, { id: winner.claim.claimId }), winner.claim)
  t.match((await survivor.get(listWalletTransfers)).items[0], { kind: 'claim', amount: winner.claim.amount })

  await assertBooks(t)
  await assertBusyPort(t, url)
  t.equal((await fetch(url + getReadiness.path)).status, 200, 'the server on that port does not mind')
  const nextTree = listTree(next.pid)
  t.equal(await next.pressCtrlC(), 0)
  assertGone(t, nextTree)
})

/** Somebody new wins a share of another envelope, and has the answer. */
async function winAnother({ url, merchantKey }: Banner) {
  const { token } = await createRest({ url }).get(signUpPlayer, { body: {} })
  const { items } = await createRest({ url, credential: merchantKey }).get(listOwnEnvelopes)
  const [envelope] = items.filter(({ id }) => id !== left.claim?.envelopeId)
  const [lng = 0, lat = 0] = envelope?.own?.place.coordinates ?? []
  const body = { fix: { lat, lng, accuracyM: 8 } }
  const answer = await createRest({ url, credential: token }).get(claimEnvelope, {
    id: envelope?.id ?? '',
    body,
  })
  if (answer.status !== 'claimed') throw new Error('the claim is pending')
  return { token, claim: answer }
}

async function assertBooks(t: Test): Promise<void> {
  const reconcile = run(t, ['npm', 'run', 'reconcile'], { DATA_DIR: dataDir })
  const code = await reconcile.exited
  t.equal(code, 0, `the books are right: ${reconcile.stdout()}${reconcile.stderr()}`)
  const database = new Client({ connectionString: await findDatabaseUrl(dataDir) })
  await database.connect()
  const { rows } = await database.query('select count(*)::int as merchants from merchants')
  await database.end()
  t.same(rows, [{ merchants: 1 }])
}

async function assertBusyPort(t: Test, url: string): Promise<void> {
  const { port } = new URL(url)
  const second = run(t, npmStart, { ...env, PORT: port })
  t.equal(await second.exited, 1)
  const complaints = second
    .stderr()
    .split('\n')
    .filter(line => line.includes(port))
  t.match(complaints, [new RegExp(`port ${port} is taken`)], `one clear error: ${second.stderr()}`)
  t.equal(complaints.length, 1)
  t.notMatch(second.stderr(), /^ +at /m, 'no stack')
}

t.test('a start that is called off half-way, twice, leaves nothing behind', async t => {
  const folder = await makeDataDir(t)
  const server = run(t, npmStart, { ...env, DATA_DIR: folder })
  await eventually(
    'PostgreSQL is being started',
    async () => (await readRun(folder).catch(() => undefined))?.postgres?.process,
    { withinMs: 60_000, everyMs: 5, explain: server.stderr },
  )
  const tree = listTree(server.pid)
  const stopped = server.pressCtrlC()
  t.ok(server.isRunning())
  void server.pressCtrlC()
  t.equal(await stopped, 0)
  assertGone(t, tree)
})

t.test('production starts with its own secrets or not at all', async t => {
  const production = run(t, [process.execPath, ...asTypeScript, 'src/bin/server.ts'], {
    ...env,
    MODE: 'production',
  })
  t.equal(await production.exited, 1)
  t.match(
    production.stderr(),
    /^hexbao: JWT_SECRET or JWKS_URL must be set; DATABASE_URL must be set; .*; COUPON_KEYS must be set\n/m,
    'everything that is missing, at once',
  )
  t.notMatch(production.stderr(), /^ +at /m, 'no stack')
  t.equal(production.stdout(), '')
})

const newest = 24

t.test(`Node ${newest} starts on the same folder`, async t => {
  const node = await findNewestNode(t)
  if (node === undefined) return
  const { stdout } = await execute(node, ['--version'])
  t.match(stdout, new RegExp(`^v${newest}\\.`))
  const server = await startServer(t, {
    dataDir,
    command: npmStart,
    env: { PATH: `${dirname(node)}:${process.env.PATH}` },
  })
  const [main] = listTree(server.pid).filter(({ command }) => command.includes('src/bin/server.ts --local'))
  t.ok(main, 'it runs')
  await assertRemembered(t, server.banner)
  await winAnother(server.banner)
  const tree = listTree(server.pid)
  // As a supervisor stops it, which knows npm's process and no group.
  kill(server.pid, 'SIGTERM')
  t.equal(await server.exited, 0)
  assertGone(t, tree)
})

/** This Node, the one in HEXBAO_NODE24, or the registry's: its package for this platform is just the binary. */
async function findNewestNode(t: Test): Promise<string | undefined> {
  if (process.version.startsWith(`v${newest}.`)) return process.execPath
  const { HEXBAO_NODE24: given } = process.env
  if (given !== undefined && given !== '') return given
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-node-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const name = `node-${process.platform}-${process.arch}`
  const options = ['--prefix', folder, '--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=0']
  try {
    await execute('npm', ['install', ...options, `${name}@${newest}`], { timeout: 90_000 })
  } catch (error) {
    t.comment(`NOT TRIED with Node ${newest}: HEXBAO_NODE24 is not set and the registry does not answer`)
    t.comment((error as Error).message.split('\n').slice(0, 3).join(' '))
    return undefined
  }
  const bin = join(folder, 'node_modules', name, 'bin')
  t.same(await readdir(bin), ['node'])
  return join(bin, 'node')
}
