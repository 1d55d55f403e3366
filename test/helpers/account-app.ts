/** Players, merchants and the ledger over HTTP, bound as the server binds them, in a world of their own. */
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import { createLimiter } from '#platform/limiter.ts'
import { createLogger } from '#platform/logger.ts'
import { createSeal } from '#platform/seal.ts'
import {
  isInsufficientFunds,
  isReferenceUsed,
  postTransfers,
  statementRecord,
  walletRecord,
} from '../../src/ledger/postgres.ts'
import { registerLedgerRoutes } from '../../src/ledger/routes.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { createActAs } from '../../src/merchants/act-as.ts'
import { createKeyVerifier } from '../../src/merchants/keys.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { registerMerchantRoutes } from '../../src/merchants/routes.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import { type Authenticator, createAuthenticator } from '../../src/players/authenticator.ts'
import type { Caller } from '../../src/players/caller.ts'
import { deviceRecord, playerRecord } from '../../src/players/postgres.ts'
import { registerPlayerRoutes } from '../../src/players/routes.ts'
import { createTokenIssuer, type TokenSettings } from '../../src/players/token.ts'
import { acceptJsonOnly } from '#platform/json-body.ts'
import { judgeSignature } from '#platform/signature.ts'
import { payoutRecord } from '../../src/payouts/postgres.ts'
import { registerPayoutRoutes } from '../../src/payouts/routes.ts'
import type { PlayerFrame } from '../../src/realtime/announcer.ts'
import type { World } from './world.ts'

export const operatorKey = `hbo_${'o'.repeat(40)}`
export const callbackSecret = `whsec_${'c2VjcmV0'.repeat(5)}`
export const hmacSecret = 'h'.repeat(40)
export const jwt: TokenSettings = {
  secret: 's'.repeat(40),
  jwksUrl: undefined,
  issuer: 'hexbao',
  audience: 'hexbao',
}

export type AccountApp = {
  app: FastifyInstance
  authenticator: Authenticator
  /** What players' sockets were told about payouts. */
  told: { playerId: string; frame: PlayerFrame }[]
  /** Sends one request; `credential` goes behind `Bearer`, `key` is the Idempotency-Key. */
  send(request: {
    method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
    url: string
    credential?: string
    key?: string
    body?: object | string
    headers?: Record<string, string>
  }): Promise<{
    status: number
    text: string
    body: Record<string, unknown>
    headers: Record<string, unknown>
  }>
}

export async function createAccountApp(
  t: Test,
  world: World,
  overrides: {
    sandbox?: boolean
    takesCallbacks?: boolean
    jwt?: TokenSettings
    currencies?: ReadonlyMap<string, number>
  } = {},
): Promise<AccountApp> {
  const { sandbox = true, currencies = new Map([['CNY', 2]]) } = overrides
  const settings = overrides.jwt ?? jwt
  const { database, clock, random } = world
  const keys = createKeyVerifier({
    ...{ sandbox, merchants: merchantRecord, database: world.database, clock },
    log: createLogger('silent'),
  })
  const verifyApiKey = keys.verify
  const identify = { jwt: settings, operatorKey, verifyApiKey, players: playerRecord, devices: deviceRecord }
  const authenticator = createAuthenticator({ ...identify, database, clock, random })
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  const { authenticate } = authenticator
  const { takesCallbacks = true } = overrides
  const bind = createBinder<Caller>(app, {
    ...{ sandbox, authenticate, admit: createLimiter({ clock, sandbox }) },
    actAs: createActAs({ noteAction: merchantRecord.noteAction, clock, random }),
    ...(takesCallbacks && {
      verifySignature: (headers, body) =>
        judgeSignature({ secret: callbackSecret, nowMs: clock.nowMs() }, headers, body),
    }),
  })
  acceptJsonOnly(app)
  handleFaults(app, { sandbox })
  const common = { sandbox, database, clock, random, currencies, postTransfers }
  registerPlayerRoutes(bind, {
    ...{ ...common, players: playerRecord, issuer: settings.issuer },
    issueToken: createTokenIssuer(settings, { clock }),
  })
  const seal = createSeal(hmacSecret, { purpose: 'kept answers', random })
  registerMerchantRoutes(bind, {
    ...{ ...common, merchants: merchantRecord, areas: areaRecord, seal, onRevoked: keys.forget },
    noteAction: createActionLog(world),
  })
  registerLedgerRoutes(bind, {
    ...{ ...common, wallets: walletRecord, statements: statementRecord, isReferenceUsed },
    isPlayer: async (tx, id) => (await playerRecord.find(tx, id)) !== undefined,
    isMerchant: async (tx, id) => (await merchantRecord.find(tx, id)) !== undefined,
  })
  const told: AccountApp['told'] = []
  registerPayoutRoutes(bind, {
    ...{ ...common, record: payoutRecord, isInsufficientFunds },
    announcer: { toPlayer: (playerId, frame) => told.push({ playerId, frame }) },
  })
  t.teardown(() => app.close())

  return {
    app,
    authenticator,
    told,
    send: createSender(app),
  }
}

const createSender =
  (app: FastifyInstance): AccountApp['send'] =>
  async ({ method = 'GET', url, credential, key, body, headers = {} }) => {
    const reply = await app.inject({
      ...{ method, url },
      headers: {
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    })
    const isJson = String(reply.headers['content-type']).includes('json')
    const answered: Record<string, unknown> = isJson ? reply.json() : {}
    return { status: reply.statusCode, text: reply.body, body: answered, headers: reply.headers }
  }
