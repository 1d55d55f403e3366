/**
 * The configuration: every variable is described here, once; `.env.example`, the README table and `npm run doctor` are
 * made from it. Validated at start; production refuses defaults and missing secrets.
 */
import { hkdfSync } from 'node:crypto'
import { envSchema } from 'env-schema'
import Type, { type Static } from 'typebox'
import { findExposure, splitList } from './exposure.ts'
import { judgePassword, judgeSecrets } from './secrets.ts'

const secret = { minLength: 32 }

export const ConfigSchema = Type.Object({
  MODE: Type.Enum(['sandbox', 'production'], {
    default: 'production',
    description:
      'sandbox: sign-up, test money, time scale, no limits per address. `npm start` sets it, the container does not.',
  }),
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8_080,
    description: 'HTTP and WebSocket port; 0 picks a free one.',
  }),
  HOST: Type.String({
    default: '127.0.0.1',
    description: 'Address to listen on; the container sets 0.0.0.0.',
  }),
  DATA_DIR: Type.String({
    default: '.data',
    description: 'Embedded services, their data and generated secrets (npm start).',
  }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'PostgreSQL 15+ with PostGIS; without it npm start runs a private one.',
    }),
  ),
  REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^rediss?://',
      description: 'Redis 7+ with AOF and noeviction; without it npm start runs a private one.',
    }),
  ),
  DATABASE_CONNECTIONS: Type.Integer({
    minimum: 4,
    maximum: 200,
    default: 16,
    description: 'Pooled connections of this process, beside ten for locks.',
  }),
  JWT_SECRET: Type.Optional(
    Type.String({ ...secret, description: 'HS256 secret of player tokens, 32 characters at least.' }),
  ),
  JWKS_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description: 'Key set of your identity provider; tokens are then RS256, ES256 or EdDSA.',
    }),
  ),
  JWT_ISSUER: Type.String({ default: 'hexbao', description: 'Required `iss` of player tokens.' }),
  JWT_AUDIENCE: Type.String({ default: 'hexbao', description: 'Required `aud` of player tokens.' }),
  OPERATOR_KEY: Type.Optional(
    Type.String({
      pattern: '^hbo_',
      ...secret,
      description: 'The operator key, hbo_ and 32 characters or more in all.',
    }),
  ),
  METRICS_KEY: Type.Optional(
    Type.String({
      ...secret,
      description: 'Reads /metrics and nothing else; the operator key does as well.',
    }),
  ),
  HMAC_SECRET: Type.Optional(
    Type.String({
      ...secret,
      description:
        'Orders hints, makes pseudonyms, seals passphrases and secrets of webhooks; ' +
        'never change it while envelopes live.',
    }),
  ),
  COUPON_KEYS: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9-]{1,32}:[A-Za-z0-9+/]{43}=(,[a-z0-9-]{1,32}:[A-Za-z0-9+/]{43}=)*$',
      description:
        'Keys that coupons are kept under, name:base64 of 32 bytes, comma-separated: the first closes, all open. ' +
        'Sandbox and npm start make one from HMAC_SECRET.',
    }),
  ),
  PAYOUT_CALLBACK_SECRET: Type.Optional(
    Type.String({
      ...secret,
      pattern: '^(?!whsec_)|^whsec_[A-Za-z0-9+/]{32,}={0,2}$',
      description:
        'Signs callbacks of the payment provider, whsec_ and base64 or any text; without it none counts.',
    }),
  ),
  CURRENCIES: Type.String({
    default: 'CNY:2',
    pattern: '^[A-Z]{3}:[0-4](,[A-Z]{3}:[0-4])*$',
    description: 'Currencies and their decimals; the first one is for test money and the demo.',
  }),
  CANCEL_FEE_PERCENT: Type.Integer({
    minimum: 0,
    maximum: 50,
    default: 0,
    description:
      'Of the price, for the accepted provider of a service request that its poster cancels before delivery is due.',
  }),
  DAY_ZONE: Type.String({
    default: 'UTC',
    description: 'IANA time zone in which the limits per day turn over.',
  }),
  AREA_VERTICES: Type.Integer({
    minimum: 4,
    maximum: 1_000,
    default: 200,
    description: 'Corners that the area of a campaign may have, holes included.',
  }),
  JOBS: Type.Enum(['on', 'off'], {
    default: 'on',
    description: 'off: this process runs no sweeper, opening or expiry.',
  }),
  ORIGINS: Type.String({
    default: '',
    description:
      'Comma-separated browser origins that may call and open sockets; empty: none in production, any in sandbox.',
  }),
  TRUST_PROXY: Type.String({
    default: '',
    description: 'Comma-separated proxy addresses whose X-Forwarded-For counts.',
  }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info',
    description: 'Lowest level that is logged, as JSON lines on standard error.',
  }),
})

type Raw = Static<typeof ConfigSchema>
export type Currencies = ReadonlyMap<string, number>

export type Config = {
  mode: 'sandbox' | 'production'
  isSandbox: boolean
  port: number
  host: string
  dataDir: string
  databaseUrl: string | undefined
  redisUrl: string | undefined
  databaseConnections: number
  jwt: { secret: string | undefined; jwksUrl: string | undefined; issuer: string; audience: string }
  operatorKey: string | undefined
  metricsKey: string | undefined
  hmacSecret: string | undefined
  /** By name, the one that closes first. */
  couponKeys: ReadonlyMap<string, Uint8Array> | undefined
  payoutCallbackSecret: string | undefined
  currencies: Currencies
  cancelFeePercent: number
  dayZone: string
  areaVertices: number
  runsJobs: boolean
  origins: readonly string[]
  trustedProxies: readonly string[]
  logLevel: Raw['LOG_LEVEL']
}

/** Why the configuration cannot be used, in words that name the variable. */
export class ConfigFault extends Error {
  override name = 'ConfigFault'
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const raw = parse(env)
  const config: Config = {
    mode: raw.MODE,
    isSandbox: raw.MODE === 'sandbox',
    port: raw.PORT,
    host: raw.HOST,
    dataDir: raw.DATA_DIR,
    databaseUrl: raw.DATABASE_URL,
    redisUrl: raw.REDIS_URL,
    databaseConnections: raw.DATABASE_CONNECTIONS,
    jwt: {
      secret: raw.JWT_SECRET,
      jwksUrl: raw.JWKS_URL,
      issuer: raw.JWT_ISSUER,
      audience: raw.JWT_AUDIENCE,
    },
    operatorKey: raw.OPERATOR_KEY,
    metricsKey: raw.METRICS_KEY,
    hmacSecret: raw.HMAC_SECRET,
    couponKeys: raw.COUPON_KEYS === undefined ? undefined : readKeys(raw.COUPON_KEYS),
    payoutCallbackSecret: raw.PAYOUT_CALLBACK_SECRET,
    currencies: new Map(raw.CURRENCIES.split(',').map(pair => [pair.slice(0, 3), Number(pair.slice(4))])),
    cancelFeePercent: raw.CANCEL_FEE_PERCENT,
    dayZone: raw.DAY_ZONE,
    areaVertices: raw.AREA_VERTICES,
    runsJobs: raw.JOBS === 'on',
    origins: splitList(raw.ORIGINS),
    trustedProxies: splitList(raw.TRUST_PROXY),
    logLevel: raw.LOG_LEVEL,
  }
  checkZone(config.dayZone)
  const exposed = findExposure(config)
  if (exposed !== undefined) throw new ConfigFault(exposed)
  if (config.jwt.secret !== undefined && config.jwt.jwksUrl !== undefined) {
    throw new ConfigFault('JWT_SECRET and JWKS_URL are both set: tokens are verified by exactly one of them')
  }
  return config
}

/** A configuration whose services and secrets are all there: what the server itself needs. */
export type ReadyConfig = Config & {
  databaseUrl: string
  redisUrl: string
  operatorKey: string
  hmacSecret: string
  couponKeys: ReadonlyMap<string, Uint8Array>
}

/**
 * Refuses to start without what `npm start` generates in the sandbox and, in production, with secrets that an outsider
 * could guess. Throws one {@link ConfigFault} that names every variable at fault and no value.
 */
export function requireReady(config: Config): ReadyConfig {
  const { databaseUrl, redisUrl, operatorKey, hmacSecret, isSandbox } = config
  const couponKeys =
    config.couponKeys ?? (isSandbox && hmacSecret !== undefined ? makeCouponKeys(hmacSecret) : undefined)
  const needed = {
    'JWT_SECRET or JWKS_URL': config.jwt.secret ?? config.jwt.jwksUrl,
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, OPERATOR_KEY: operatorKey, HMAC_SECRET: hmacSecret },
    ...(isSandbox ? {} : { COUPON_KEYS: couponKeys }),
  }
  const missing = Object.entries(needed).flatMap(([name, value]) =>
    value === undefined ? [`${name} must be set`] : [],
  )
  const faults = [...missing, ...(isSandbox ? [] : listWeak(config))]
  if (faults.length > 0) throw new ConfigFault(faults.join('; '))
  return { ...config, databaseUrl, redisUrl, operatorKey, hmacSecret, couponKeys } as ReadyConfig
}

function listWeak(config: Config): string[] {
  const { jwt, operatorKey, metricsKey, hmacSecret, couponKeys, payoutCallbackSecret } = config
  const secrets = {
    JWT_SECRET: jwt.secret,
    OPERATOR_KEY: operatorKey?.replace(/^hbo_/, ''),
    METRICS_KEY: metricsKey,
    HMAC_SECRET: hmacSecret,
    PAYOUT_CALLBACK_SECRET: payoutCallbackSecret?.replace(/^whsec_/, ''),
  }
  const faults = [
    ...judgeSecrets({
      ...Object.fromEntries(
        Object.entries(secrets).map(([name, value]) => [name, value === undefined ? [] : [value]]),
      ),
      // Bytes as characters: a key of two bytes over and over has as little chance in it in base64.
      COUPON_KEYS: [...(couponKeys?.values() ?? [])].map(key => Buffer.from(key).toString('latin1')),
    }),
    ...(config.databaseUrl === undefined ? [] : judgePassword('DATABASE_URL', config.databaseUrl)),
    ...(config.redisUrl === undefined ? [] : judgePassword('REDIS_URL', config.redisUrl)),
  ]
  return faults.map(({ name, fault }) => `${name} ${fault}`)
}

function readKeys(list: string): ReadonlyMap<string, Uint8Array> {
  const pairs = list.split(',').map(pair => {
    const [name = '', key = ''] = pair.split(':')
    return [name, Buffer.from(key, 'base64')] as const
  })
  const keys = new Map(pairs)
  if (keys.size < pairs.length) throw new ConfigFault('COUPON_KEYS names two keys alike')
  return keys
}

/** Where all secrets lie in one place anyway. */
export const makeCouponKeys = (hmacSecret: string): ReadonlyMap<string, Uint8Array> =>
  new Map([['derived', Buffer.from(hkdfSync('sha256', hmacSecret, '', 'hexbao sandbox coupons', 32))]])

function parse(env: NodeJS.ProcessEnv): Raw {
  try {
    return envSchema<Raw>({ schema: ConfigSchema, data: env, dotenv: true, env: false })
  } catch (error) {
    throw new ConfigFault(`the environment is not usable: ${(error as Error).message}`, { cause: error })
  }
}

function checkZone(zone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (error) {
    throw new ConfigFault(`DAY_ZONE ${zone} is not an IANA time zone`, { cause: error })
  }
}
