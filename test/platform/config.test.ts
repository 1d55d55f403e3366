/** The configuration: what it makes of the environment, and what it refuses in words that name the variable. */
import { chdir, cwd } from 'node:process'
import t from 'tap'
import { ConfigFault, ConfigSchema, loadConfig, requireReady } from '#platform/config.ts'

// No .env of whoever runs the tests.
const before = cwd()
chdir(t.testdir())
t.teardown(() => chdir(before))

const secret = 's'.repeat(32)
const ready = {
  DATABASE_URL: 'postgres://a:b@127.0.0.1/game',
  REDIS_URL: 'redis://127.0.0.1',
  JWT_SECRET: secret,
  OPERATOR_KEY: `hbo_${secret}`,
  HMAC_SECRET: secret,
  COUPON_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
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
    ...{ origins: [], trustedProxies: [], logLevel: 'info', databaseConnections: 16 },
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
  ]
  for (const [name, value] of table) {
    const fault = catchFault(() => loadConfig({ ...ready, [name]: value }))
    t.ok(fault instanceof ConfigFault, `${name}=${value}`)
    t.match(fault?.message, name === 'DAY_ZONE' ? /DAY_ZONE/ : new RegExp(`/${name}`))
  }
  t.throws(() => loadConfig({ ...ready, JWKS_URL: 'https://id.example' }), /JWT_SECRET and JWKS_URL/)
})

t.test('a server needs its services and secrets', async t => {
  for (const name of Object.keys(ready)) {
    const config = loadConfig({ ...ready, [name]: undefined })
    t.throws(() => requireReady(config), new RegExp(`${name}.* must be set`), name)
  }
  const key = Buffer.alloc(32, 2).toString('base64')
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
