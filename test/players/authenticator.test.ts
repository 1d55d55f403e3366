/** Who is calling: forged and honest tokens, key sets, the three kinds of callers, players at first sight, sign-up. */
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { deposit } from '#protocol/rest/merchants.ts'
import { getMe, getWallet } from '#protocol/rest/players.ts'
import { Unavailable } from '#platform/problem.ts'
import { createAuthenticator } from '../../src/players/authenticator.ts'
import { deviceIdOf } from '../../src/players/device.ts'
import type { PlayerRecord } from '../../src/players/player.ts'
import { deviceRecord, playerRecord } from '../../src/players/postgres.ts'
import { assertBooks } from '../helpers/books.ts'
import { createAccountApp, jwt, operatorKey } from '../helpers/account-app.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const { app, authenticator, send } = await createAccountApp(t, world)
const nowS = () => Math.floor(world.clock.nowMs() / 1_000)
const secret = new TextEncoder().encode(jwt.secret)

type Part = Record<string, unknown>
const encode = (part: Part | string) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** A token with any header and claims, signed by HMAC whatever the header says. */
function forge({
  header = {},
  claims = {},
  key = secret,
}: {
  header?: Part
  claims?: Part
  key?: Uint8Array
}) {
  const whole = { iss: 'hexbao', aud: 'hexbao', sub: 'ada', exp: nowS() + 600, ...claims }
  const text = `${encode({ alg: 'HS256', ...header })}.${encode(whole)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

t.test('a good token', async t => {
  const caller = await authenticator.authenticatePlayerToken(forge({ claims: { did: 'phone-1' } }))
  t.match(caller, { kind: 'player', timeScale: 1, deviceId: deviceIdOf('token', 'phone-1') })
  t.notOk('isMinor' in caller)
  const child = (minor: unknown) => authenticator.authenticatePlayerToken(forge({ claims: { minor } }))
  t.match(await child(true), { kind: 'player', isMinor: true })
  t.notOk('isMinor' in (await child(false)))
  t.match(await child('yes'), { code: 'unauthorized' }, 'a claim that is neither is not taken for no')
})

t.test('forged tokens', async t => {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const good = forge({})
  const [head, body, mac] = good.split('.')
  const tokens: Record<string, string> = {
    'no signature': `${encode({ alg: 'none' })}.${body}.`,
    'alg none, signature kept': `${encode({ alg: 'none' })}.${body}.${mac}`,
    'alg None': `${encode({ alg: 'None' })}.${body}.`,
    'no alg': forge({ header: { alg: undefined } }),
    'other secret': forge({ key: randomBytes(40) }),
    'empty secret': forge({ key: new Uint8Array(1) }),
    'HS512 in the header': forge({ header: { alg: 'HS512' } }),
    'RS256 by somebody': await new SignJWT({}).setProtectedHeader({ alg: 'RS256' }).sign(privateKey),
    'public key as secret': forge({ key: new TextEncoder().encode(await exportSPKI(publicKey)) }),
    'own key in the header': forge({
      header: { jwk: { kty: 'oct', k: encode('x') } },
      key: Buffer.from('x'),
    }),
    'key by address': forge({ header: { jku: 'http://127.0.0.1:1/keys' }, key: randomBytes(32) }),
    'kid is a path': forge({ header: { kid: '../../../dev/null' }, key: new Uint8Array(1) }),
    'kid is SQL': forge({ header: { kid: "' union select 'x" }, key: Buffer.from('x') }),
    'unknown crit': forge({ header: { crit: ['exp'], exp: 1 } }),
    'b64 false': forge({ header: { crit: ['b64'], b64: false } }),
    'other audience': forge({ claims: { aud: 'somebody' } }),
    'no audience': forge({ claims: { aud: undefined } }),
    'other issuer': forge({ claims: { iss: 'somebody' } }),
    'no issuer': forge({ claims: { iss: undefined } }),
    expired: forge({ claims: { exp: nowS() - 6 } }),
    'no exp': forge({ claims: { exp: undefined } }),
    'exp is text': forge({ claims: { exp: String(nowS() + 600) } }),
    'exp is null': forge({ claims: { exp: null } }),
    'not yet': forge({ claims: { nbf: nowS() + 600 } }),
    'no subject': forge({ claims: { sub: undefined } }),
    'empty subject': forge({ claims: { sub: '' } }),
    'subject is a number': forge({ claims: { sub: 7 } }),
    'subject with NUL': forge({ claims: { sub: 'a\0b' } }),
    'huge subject': forge({ claims: { sub: 'a'.repeat(256) } }),
    'device is an object': forge({ claims: { did: {} } }),
    huge: forge({ claims: { pad: 'a'.repeat(9_000) } }),
    'claims changed': `${head}.${encode({ iss: 'hexbao', aud: 'hexbao', sub: 'eve', exp: nowS() + 9 })}.${mac}`,
    'no mac': `${head}.${body}.`,
    'five parts': `${good}.a.b`,
    'not base64': '!!.!!.!!',
    'not JSON': `${encode('{')}.${encode('{')}.${mac}`,
    empty: '',
  }
  for (const [name, token] of Object.entries(tokens)) {
    const caller = await authenticator.authenticatePlayerToken(token)
    t.match(caller, { status: 'refused', code: 'unauthorized', detail: String }, name)
  }
  const rows = await world.ownerDatabase.query({ name: 'names', text: 'select subject from players' })
  t.same(rows, [{ subject: 'ada' }], 'no forged token adds a player')
})

t.test('a token counts until it expires, remembered or not', async t => {
  const token = forge({ claims: { exp: nowS() + 60 } })
  t.match(await authenticator.authenticatePlayerToken(token), { kind: 'player' })
  world.clock.advance(59_000)
  t.match(await authenticator.authenticatePlayerToken(token), { kind: 'player' })
  world.clock.advance(7_000)
  t.match(await authenticator.authenticatePlayerToken(token), { code: 'unauthorized', detail: /expired/ })
})

t.test('an identity seen twenty times at once is one player', async t => {
  const tokens = Array.from({ length: 20 }, (_, i) => forge({ claims: { sub: 'grace', jti: String(i) } }))
  const callers = await Promise.all(tokens.map(token => authenticator.authenticatePlayerToken(token)))
  const ids = new Set(callers.map(caller => ('id' in caller ? caller.id : 'refused')))
  t.equal(ids.size, 1)
  t.match([...ids][0], /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  const again = await createAccountApp(t, world)
  t.match(await again.authenticator.authenticatePlayerToken(forge({ claims: { sub: 'grace' } })), {
    id: [...ids][0],
  })
})

t.test('a crowd is looked up together, and each is who they are', async t => {
  const sizes: number[] = []
  const players: PlayerRecord = {
    ...playerRecord,
    findAll(tx, identities) {
      sizes.push(identities.length)
      return playerRecord.findAll(tx, identities)
    },
  }
  const { database, clock, random } = world
  const merchants = { operatorKey, verifyApiKey: async () => undefined }
  const other = createAuthenticator({
    ...{ jwt, ...merchants, players, devices: deviceRecord },
    ...{ database, clock, random },
  })
  const subjects = Array.from({ length: 40 }, (_, i) => `crowd-${i}`)
  const known = await Promise.all(
    subjects.slice(0, 30).map(sub => authenticator.authenticatePlayerToken(forge({ claims: { sub } }))),
  )
  const seen = await Promise.all(
    subjects.map(sub => other.authenticatePlayerToken(forge({ claims: { sub } }))),
  )
  t.same(seen.slice(0, 30), known)
  t.equal(new Set(seen.map(caller => 'id' in caller && caller.id)).size, 40)
  t.ok(sizes.length < 10, `${sizes.length} statements`)
})

t.test('kinds of callers, in the order of the refusals', async t => {
  const player = `Bearer ${forge({})}`
  const table = [
    ['nothing', undefined, getMe, 'unauthorized'],
    ['no scheme', forge({}), getMe, 'unauthorized'],
    ['basic', 'Basic YTpi', getMe, 'unauthorized'],
    ['two words', `${player} x`, getMe, 'unauthorized'],
    ['player', player, getMe, 'player'],
    ['scheme in lower case', player.replace('Bearer', 'bearer'), getMe, 'player'],
    ['player as operator', player, deposit, 'forbidden'],
    ['operator', `Bearer ${operatorKey}`, deposit, 'operator'],
    ['operator as player', `Bearer ${operatorKey}`, getWallet, 'forbidden'],
    ['wrong operator key', `Bearer ${operatorKey}x`, deposit, 'unauthorized'],
    ['wrong operator key, wrong kind', `Bearer hbo_x`, getMe, 'unauthorized'],
    ['unknown merchant key', `Bearer hbk_test_${'a'.repeat(43)}`, getWallet, 'unauthorized'],
    ['malformed merchant key', 'Bearer hbk_', getWallet, 'unauthorized'],
  ] as const
  for (const [name, authorization, operation, expected] of table) {
    const caller = await authenticator.authenticate(authorization, operation)
    t.equal('code' in caller ? caller.code : caller.kind, expected, name)
  }
  const onPhone = (as: string, operation: typeof deposit | typeof getMe, device: string) =>
    authenticator.authenticate(as, operation, device)
  t.match(await onPhone(player, deposit, 'phone'), { code: 'forbidden' }, 'the kind goes before the device')
  t.match(await onPhone(player, getMe, 'phone'), { code: 'device_refused' })
  t.match(await onPhone(`Bearer ${operatorKey}`, deposit, 'phone'), { kind: 'operator' }, 'who has none')
  const busy = `Bearer ${forge({ claims: { sub: 'bea' } })}`
  const devices = [1, 2, 3, 4, 5, 6].map(n => `00000000-0000-4000-8000-00000000000${n}`)
  for (const device of devices) t.match(await onPhone(busy, deposit, device), { code: 'forbidden' })
  t.match(await onPhone(busy, getMe, devices[0] ?? ''), { kind: 'player' }, 'what is refused binds no device')
})

t.test('a key set', async t => {
  const pairs = { a: await generateKeyPair('ES256'), b: await generateKeyPair('EdDSA') }
  const served = [{ ...(await exportJWK(pairs.a.publicKey)), kid: 'a', alg: 'ES256' }]
  let requests = 0
  let status = 200
  const server = createServer((_request, response) => {
    requests++
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: served }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const jwksUrl = `http://127.0.0.1:${port}/keys`
  const provider = { secret: undefined, jwksUrl, issuer: 'https://id.example', audience: 'game' }
  const build = () => createAccountApp(t, world, { jwt: provider })
  const sign = (kid: 'a' | 'b', alg: string, key = pairs[kid].privateKey) =>
    new SignJWT({ sub: 'lin', did: 'd' })
      .setProtectedHeader({ alg, kid })
      .setIssuer(provider.issuer)
      .setAudience('game')
      .setExpirationTime(nowS() + 900)
      .sign(key)

  const { authenticator, send } = await build()
  const judge = (token: string) => authenticator.authenticatePlayerToken(token)
  t.match(await judge(await sign('a', 'ES256')), { kind: 'player', deviceId: deviceIdOf('token', 'd') })
  const stranger = await generateKeyPair('ES256')
  t.match(await judge(await sign('a', 'ES256', stranger.privateKey)), { code: 'unauthorized' })
  const keyText = JSON.stringify(served[0])
  for (const key of [keyText, 'a', '']) {
    const mixed = forge({
      header: { kid: 'a' },
      claims: { iss: provider.issuer, aud: 'game' },
      key: Buffer.from(key),
    })
    t.match(await judge(mixed), { code: 'unauthorized' }, 'HMAC is not for key sets')
  }
  for (let i = 0; i < 20; i++) t.match(await judge(await sign('b', 'EdDSA')), { code: 'unauthorized' })
  t.equal(requests, 1, 'unknown keys do not make us ask again and again')

  served.push({ ...(await exportJWK(pairs.b.publicKey)), kid: 'b', alg: 'EdDSA' })
  t.match(await (await build()).authenticator.authenticatePlayerToken(await sign('b', 'EdDSA')), {
    kind: 'player',
  })

  status = 500
  const down = await build()
  const good = await sign('a', 'ES256')
  await t.rejects(down.authenticator.authenticatePlayerToken(good), Unavailable)
  const me = await down.send({ url: '/v1/me', credential: good })
  t.match(me, { status: 503, body: { code: 'unavailable' } })

  const signUp = await send({ method: 'POST', url: '/v1/players', body: {} })
  t.match(signUp, { status: 404, body: { code: 'not_found', detail: /JWKS_URL/ } })
})

t.test('sandbox sign-up', async t => {
  const { status, body } = await send({ method: 'POST', url: '/v1/players', body: { timeScale: 60 } })
  t.equal(status, 201)
  t.match(body, { player: { timeScale: 60, createdAt: '2026-03-01T08:01:06.000Z' }, token: String })
  t.equal(body.expiresAt, '2026-03-31T08:01:06.000Z')
  const credential = String(body.token)
  t.same((await send({ url: '/v1/me', credential })).body, body.player)
  t.same((await send({ url: '/v1/wallet', credential })).body, {
    balances: [{ amountMinor: '10000000', currency: 'CNY' }],
  })
  const movements = await send({ url: '/v1/wallet/transfers', credential })
  t.match(movements.body, { numberReturned: 1, items: [{ kind: 'test_money', direction: 'in' }] })
  t.match(await send({ method: 'POST', url: '/v1/players', body: { timeScale: 121 } }), { status: 400 })
  const child = await send({ method: 'POST', url: '/v1/players', body: { minor: true } })
  t.match(await authenticator.authenticatePlayerToken(String(child.body.token)), { isMinor: true })

  const production = await createAccountApp(t, world, { sandbox: false })
  t.match(await production.send({ method: 'POST', url: '/v1/players', body: {} }), { status: 404 })
  await assertBooks(t, world)
})

t.test('a refusal over HTTP', async t => {
  const reply = await app.inject({ url: '/v1/me' })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['www-authenticate'], 'Bearer')
  t.match(reply.headers['content-type'], /^application\/problem\+json/)
})

t.test('devices: what the token names, else what the client names, five in thirty days', async t => {
  const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
  const use = (sub: string, device: string | undefined, did?: string) =>
    authenticator.authenticatePlayerToken(
      forge({ claims: { sub, ...(did !== undefined && { did }) } }),
      device,
    )
  t.notOk('deviceId' in (await use('dee', undefined)), 'none: the account stands for it')
  t.match(
    await use('dee', uuid(1), 'phone'),
    { deviceId: deviceIdOf('token', 'phone') },
    'the token goes first',
  )
  for (const device of ['', 'phone', `${uuid(1)}, ${uuid(2)}`, uuid(1).slice(1), `{${uuid(1)}}`]) {
    t.match(await use('dee', device), { code: 'device_refused', reason: 'malformed' }, device)
  }
  const first = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(n => use('dee', uuid(n))))
  t.equal(first.filter(caller => 'deviceId' in caller).length, 5, 'seven at once')
  t.match(
    first.filter(caller => 'code' in caller),
    [{ reason: 'too_many' }, { reason: 'too_many' }],
  )
  const known = first.findIndex(caller => 'deviceId' in caller) + 1
  t.match(await use('dee', uuid(known).toUpperCase()), { deviceId: deviceIdOf('client', uuid(known)) })
  t.match(
    await use('eve', uuid(known)),
    { deviceId: deviceIdOf('client', uuid(known)) },
    'a family may share one',
  )
  const again = await createAccountApp(t, world)
  const anew = (n: number) =>
    again.authenticator.authenticatePlayerToken(forge({ claims: { sub: 'dee' } }), uuid(n))
  t.match(await anew(known), { kind: 'player' }, 'another server knows it, too')
  t.match(await anew(99), { reason: 'too_many' })
  world.clock.advance(30 * 86_400_000)
  t.match(await anew(99), { kind: 'player' }, 'a month later')

  const headers = { authorization: `Bearer ${forge({})}`, 'hexbao-device': 'phone' }
  const reply = await app.inject({ url: '/v1/me', headers })
  t.match(reply.json(), { status: 422, code: 'device_refused', reason: 'malformed' })
})
