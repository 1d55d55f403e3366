/**
 * The server under attack, and who attacks it. One of our own runs in production mode, where refusals carry no numbers;
 * its attackers have as many accounts as they like, each at an address of its own and with a clock that runs fast,
 * which is more than anybody gets there. A sandbox that runs already is attacked as a newcomer can.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { Pool } from 'pg'
import { deposit } from '#protocol/rest/merchants.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { limits } from '#protocol/limits.ts'
import { findDatabaseUrl, makeDataDir, nodeStart, readRun, run, type Teardown } from '../acceptance/launch.ts'
import { createRest } from '../acceptance/rest.ts'

export type Account = { token: string; address: string }

export type Game = {
  url: string
  /** `isHasty`: with time that runs as fast as it may. */
  recruit(options?: { isHasty?: boolean }): Promise<Account>
  /** Somebody with money to hide. */
  recruitHider(): Promise<Account>
  /** All that the server has logged, where it is ours. */
  log(): string
}

export const drawAddress = (): string => `10.${[...randomBytes(3)].join('.')}`

/** Of a sandbox that runs somewhere. */
export function joinGame(url: string): Game {
  const recruit: Game['recruit'] = async ({ isHasty = false } = {}) => {
    const body = { timeScale: isHasty ? limits.sandbox.maxTimeScale : 1 }
    const { token } = await createRest({ url }).get(signUpPlayer, { body })
    return { token, address: drawAddress() }
  }
  return { url, recruit, recruitHider: recruit, log: () => '' }
}

/** The shipped server with private PostgreSQL and Redis, until the teardown of `t`. */
export async function startGame(t: Teardown): Promise<Game> {
  const dataDir = await makeDataDir(t)
  const env = {
    DATA_DIR: dataDir,
    PORT: '0',
    MODE: 'production',
    LOG_LEVEL: 'trace',
    TRUST_PROXY: '127.0.0.1',
  }
  const server = run(t, [...nodeStart, '--banner', 'json'], env)
  const { url, operatorKey } = JSON.parse(await server.until(/^\{.*\}$/m)) as Record<string, string>
  const { secrets } = await readRun(dataDir)
  const database = new Pool({ connectionString: await findDatabaseUrl(dataDir), max: 2 })
  t.teardown(() => database.end())
  const operator = createRest({ url: url ?? '', credential: operatorKey ?? '' })
  const sign = createSigner(secrets.jwtSecret ?? '')

  async function recruit({ isHasty = false } = {}): Promise<Account & { id: string }> {
    const id = randomUUID()
    const text = `insert into players (id, issuer, subject, time_scale, created_at)
      values ($1::uuid, 'hexbao', $1::uuid::text, $2, now())`
    await database.query(text, [id, isHasty ? limits.sandbox.maxTimeScale : 1])
    return { id, token: await sign(id), address: drawAddress() }
  }

  return {
    url: url ?? '',
    recruit,
    async recruitHider() {
      const account = await recruit()
      const amount = { amountMinor: '1000', currency: 'CNY' }
      const body = { owner: { playerId: account.id }, amount, reference: account.id }
      await operator.get(deposit, { idempotencyKey: account.id, body })
      return account
    },
    log: () => server.stderr(),
  }
}

/** Tokens as an identity provider would sign them. */
export function createSigner(secret: string): (id: string) => Promise<string> {
  const key = new TextEncoder().encode(secret)
  return id =>
    new SignJWT({ sub: id, iss: 'hexbao', aud: 'hexbao' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('12h')
      .sign(key)
}
