/** The configuration: what it makes of the environment, and what it refuses in words that name the variable. */
import { createHash } from 'node:crypto'
import { chdir, cwd } from 'node:process'
import t from 'tap'
import { ConfigFault, ConfigSchema, loadConfig, requireReady } from '#platform/config.ts'
import { judgeSecrets } from '#platform/secrets.ts'

// No .env of whoever runs the tests.
const before = cwd()
chdir(t.testdir())
t.teardown(() => chdir(before))

/** 64 hexadecimal digits, as `openssl rand -hex 32` prints them, and the same every time. */
const draw = (name: string) => createHash('sha256').update(name).digest('hex')
const drawKey = (name: string) => Buffer.from(draw(name), 'hex').toString('base64')
const secret = draw('tokens')
const ready = {
  DATABASE_URL: `postgres://game:${draw('database')}@127.0.0.1/game`,
  REDIS_URL: 'redis://127.0.0.1',
  JWT_SECRET: secret,
  OPERATOR_KEY: `hbo_${draw('operator')}`,
  HMAC_SECRET: draw('hmac'),
  COUPON_KEYS: `k1:${drawKey('k1')}`,
}

t.test('defaults', async t => {
  const config = loadConfig({})
  t.match(config, {
    ...{
      mode: 'production',
      isSandbox: false,
      port: 8_080,
      host: '127.0.0.1',
      dayZone: 'UTC',
      runsJobs: true,
    },
    ...{ origins: { length: 0 }, trustedProxies: { length: 0 }, logLevel: 'info', databaseConnections: 16 },
    jwt: { secret: undefined, jwksUrl: undefined, issuer: 'hexbao', audience: 'hexbao' },
  })
  t.same([...config.currencies], [['CNY', 2]])
})

t.test('what is set', async t => {
  const config = loadConfig({
    ...{ ...ready, MODE: 'sandbox', PORT: '0', JOBS: 'off', DAY_ZONE: 'Asia/Shanghai' },
    ORIGINS: 'https://a.example, https://b.example,',
    CURRENCIES: 'JPY:0,CNY:2',
  })
  t.match(config, { isSandbox: true, port: 0, runsJobs: false, jwt: { secret } })
  t.same(config.origins, ['https://a.example', 'https://b.example'])
  t.same([...config.currencies.keys()], ['JPY', 'CNY'], 'the first one comes first')
  t.match(requireReady(config), { databaseUrl: ready.DATABASE_URL, operatorKey: ready.OPERATOR_KEY })
})

t.test('what is refused, by the name of the variable', async t => {
  const table: [string, string][] = [
    ['MODE', 'demo'],
    ['PORT', '70000'],
    ['PORT', 'http'],
    ['PORT', '80.5'],
    ['DATABASE_URL', 'mysql://x'],
    ['REDIS_URL', 'http://x'],
    ['DATABASE_CONNECTIONS', '1'],
    ['JWT_SECRET', 'short'],
    ['JWKS_URL', 'file:///etc/passwd'],
    ['OPERATOR_KEY', 'x'.repeat(40)],
    ['OPERATOR_KEY', 'hbo_short'],
    ['HMAC_SECRET', 'x'.repeat(31)],
    ['COUPON_KEYS', 'k1:short'],
    ['COUPON_KEYS', `K1:${Buffer.alloc(32).toString('base64')}`],
    ['CURRENCIES', ''],
    ['CURRENCIES', 'cny:2'],
    ['CURRENCIES', 'CNY'],
    ['CURRENCIES', 'CNY:9'],
    ['DAY_ZONE', 'Mars/Base'],
    ['JOBS', 'maybe'],
    ['LOG_LEVEL', 'loud'],
    ...['true', '*', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.1/8/8', 'proxy.example', '10.0.0.1,all'].map(
      proxies => ['TRUST_PROXY', proxies] as [string, string],
    ),
    ...['*', 'null', 'https://*', 'https://a.example/', 'https://a.example/x', 'a.example', 'file://x'].map(
      origins => ['ORIGINS', origins] as [string, string],
    ),
  ]
  for (const [name, value] of table) {
    const fault = catchFault(() => loadConfig({ ...ready, [name]: value }))
    t.ok(fault instanceof ConfigFault, `${name}=${value}`)
    t.match(fault?.message, new RegExp(/DAY|TRUST|ORIG/.test(name) ? `^${name}` : `/${name}`))
  }
  t.throws(() => loadConfig({ ...ready, JWKS_URL: 'https://id.example' }), /JWT_SECRET and JWKS_URL/)
})

t.test('a server needs its services and secrets', async t => {
  for (const name of Object.keys(ready)) {
    const config = loadConfig({ ...ready, [name]: undefined })
    t.throws(() => requireReady(config), new RegExp(`${name}.* must be set`), name)
  }
  const key = drawKey('k2')
  const both = requireReady(loadConfig({ ...ready, COUPON_KEYS: `k2:${key},${ready.COUPON_KEYS}` }))
  t.same([...both.couponKeys.keys()], ['k2', 'k1'], 'the first one closes')
  t.throws(
    () => loadConfig({ ...ready, COUPON_KEYS: `k1:${key},${ready.COUPON_KEYS}` }),
    /COUPON_KEYS names two/,
  )
  const { COUPON_KEYS: _1, ...sandbox } = { ...ready, MODE: 'sandbox' }
  t.equal(requireReady(loadConfig(sandbox)).couponKeys.size, 1, 'a sandbox makes its own')
  const { JWT_SECRET: _, ...others } = ready
  t.doesNotThrow(() => requireReady(loadConfig({ ...others, JWKS_URL: 'https://id.example/keys' })))
})

t.test('production refuses secrets that can be guessed, all in one message that shows none', async t => {
  const refused = (changes: Record<string, string>) =>
    catchFault(() => requireReady(loadConfig({ ...ready, ...changes })))?.message
  t.equal(refused({}), undefined)
  const table: [string, string, RegExp][] = [
    ['JWT_SECRET', 's'.repeat(40), /can be guessed/],
    ['JWT_SECRET', 'abcdefghijklmnopqrstuvwxyz0123456789', /holds a word of an example/],
    ['JWT_SECRET', 'zyxwvutsrqponmlkjihgfedcba9876543210', /can be guessed/],
    ['JWT_SECRET', '1f8a'.repeat(12), /can be guessed/],
    ['JWT_SECRET', `${draw('x').slice(0, 20)}${draw('x').slice(0, 20)}`, /can be guessed/],
    ['JWT_SECRET', 'please-CHANGE-ME-before-you-start!', /holds a word/],
    ['JWT_SECRET', 'my-super-secret-signing-key-of-tokens', /holds a word/],
    ['OPERATOR_KEY', `hbo_${'o'.repeat(40)}`, /can be guessed/],
    ['METRICS_KEY', '01'.repeat(20), /can be guessed/],
    ['HMAC_SECRET', `placeholder${draw('y')}`, /holds a word/],
    ['COUPON_KEYS', `k1:${Buffer.alloc(32, 1).toString('base64')}`, /can be guessed/],
    ['COUPON_KEYS', `k2:${drawKey('k2')},k1:${Buffer.from('ab'.repeat(16)).toString('base64')}`, /guessed/],
    ['PAYOUT_CALLBACK_SECRET', `whsec_${'AB'.repeat(20)}`, /can be guessed/],
    ['DATABASE_URL', 'postgres://postgres:postgres@127.0.0.1/game', /a password that can be guessed/],
    ['DATABASE_URL', 'postgres://hexbao:short@127.0.0.1/game', /a password that can be guessed/],
    ['REDIS_URL', 'redis://hexbao:Password@127.0.0.1', /a password that can be guessed/],
  ]
  for (const [name, value, why] of table) {
    const message = refused({ [name]: value })
    t.match(message, new RegExp(`^${name} ${why.source}|^${name} .*${why.source}`), `${name}=${value}`)
    t.notMatch(message, value.slice(-12), 'and does not show it')
    t.equal(
      catchFault(() => requireReady(loadConfig({ ...ready, MODE: 'sandbox', [name]: value }))),
      undefined,
      'a sandbox takes it',
    )
  }
  t.equal(
    refused({ HMAC_SECRET: secret, METRICS_KEY: draw('operator') }),
    [
      ...['JWT_SECRET is the same as HMAC_SECRET', 'OPERATOR_KEY is the same as METRICS_KEY'],
      ...['METRICS_KEY is the same as OPERATOR_KEY', 'HMAC_SECRET is the same as JWT_SECRET'],
    ].join('; '),
  )
  const { JWT_SECRET: _, OPERATOR_KEY: __, ...rest } = ready
  t.equal(
    catchFault(() => requireReady(loadConfig({ ...rest, HMAC_SECRET: 'h'.repeat(32) })))?.message,
    'JWT_SECRET or JWKS_URL must be set; OPERATOR_KEY must be set; HMAC_SECRET can be guessed',
  )
  for (let i = 0; i < 5_000; i++) {
    const secrets = { HEX: [draw(`${i}`).slice(0, 32)], BASE64: [drawKey(`${i}`)] }
    if (judgeSecrets(secrets).length > 0) t.fail(`random, and refused: ${JSON.stringify(secrets)}`)
  }
})

t.test('secrets have no defaults, and every variable is described', async t => {
  for (const [name, schema] of Object.entries(ConfigSchema.properties)) {
    t.match(schema, { description: /\w{3}/ }, name)
    if (/SECRET|KEY|URL/.test(name)) t.notOk('default' in schema, name)
  }
})

function catchFault(run: () => unknown): Error | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return error as Error
  }
}
