/**
 * What the servers of the game are held against, in a process of its own: a bare Fastify POST with the schemas and the
 * token check of a claim; a claim as one would write it first, with SELECT … FOR UPDATE; a bare `ws` that echoes, and
 * broadcasts what it is told to.
 */
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { WebSocketServer } from 'ws'
import { subprotocol } from '#protocol/ws/frame.ts'
import { limits } from '#protocol/limits.ts'
import { type ClaimBody, type ClaimedAnswer, claimEnvelope } from '#protocol/rest/claims.ts'
import { createBatcher } from '#platform/batch.ts'
import { systemClock } from '#platform/clock.ts'
import { createDatabase, type Statement } from '#platform/postgres.ts'
import { systemRandom } from '#platform/random.ts'
import { createClaimRecord } from '../../src/claims/postgres.ts'
import { claimIdOf } from '../../src/claims/reservation.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { createAuthenticator } from '../../src/players/authenticator.ts'
import { deviceRecord, playerRecord } from '../../src/players/postgres.ts'
import { answerQuestions } from './processes.ts'

export type Question = { do: 'listen' } | { do: 'broadcast'; text: string }

const { DATABASE_URL = '', JWT_SECRET = '' } = process.env
const connections = 16

const database = createDatabase({
  ...{ url: DATABASE_URL, role: 'hexbao_game', connections },
  onIdleError: () => undefined,
})
const record = createClaimRecord({ database, postTransfers })
const authenticator = createAuthenticator({
  jwt: { secret: JWT_SECRET, jwksUrl: undefined, issuer: 'hexbao', audience: 'hexbao' },
  operatorKey: 'hbo_none',
  verifyApiKey: async () => undefined,
  ...{ players: playerRecord, devices: deviceRecord, database, clock: systemClock, random: systemRandom },
})

type Claiming = { Params: { id: string }; Body: ClaimBody }

const statement = (name: string, text: string): Statement => ({ name: `naive-${name}`, text })
const sql = {
  lock: statement('lock', 'select state, claimed_shares, currency from envelopes where id = $1 for update'),
  own: statement('own', 'select id from claims where envelope_id = $1 and player_id = $2'),
}

type Naive = { envelopeId: string; playerId: string }

/** Every claim waits for the row of the envelope, whoever wins. */
const claimNaively = ({ envelopeId, playerId }: Naive): Promise<string> =>
  database.transact(async tx => {
    const [row] = await tx.query<{ state: string; claimed_shares: number; currency: string }>(sql.lock, [
      envelopeId,
    ])
    const own = await tx.query(sql.own, [envelopeId, playerId])
    if (own.length > 0) return 'claimed'
    if (row?.state !== 'live') return 'ended'
    const claimedAtMs = Date.now()
    const ids = { id: claimIdOf(envelopeId, playerId), envelopeId, playerId }
    const due = { ...ids, shareNo: row.claimed_shares + 1, claimedAtMs }
    const [share] = await record.findShares(tx, [due])
    if (share === undefined) throw new Error('no such share')
    const claims = [{ ...due, ...share, currency: row.currency }]
    await record.insertClaims(tx, claims)
    await record.pay(tx, claims)
    await record.count(tx, claims, claimedAtMs)
    return 'claimed'
  })

/** Whoever finds no connection free waits for one, however long. */
const takeTurn = createBatcher<Naive, string>({
  ...{ maxSize: 1, concurrency: connections },
  run: claims => Promise.all(claims.map(claimNaively)),
})

const answer: ClaimedAnswer = {
  claimId: '4291d94e-d9b6-5e4c-80fa-fb6b4f69bde8',
  envelopeId: '4291d94e-d9b6-5e4c-80fa-fb6b4f69bde8',
  status: 'claimed',
  amount: { amountMinor: '94', currency: 'CNY' },
  claimedAt: new Date(0).toISOString(),
}

function serve(): FastifyInstance {
  const http = Fastify({
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  const callers = new WeakMap<FastifyRequest, string>()
  http.addHook('onRequest', async (request, reply) => {
    const caller = await authenticator.authenticate(request.headers.authorization, claimEnvelope)
    if ('code' in caller) return reply.code(401).send(caller)
    callers.set(request, caller.id)
    return undefined
  })
  const { params, body, answers } = claimEnvelope
  const schema = { params, body, response: answers }
  const path = claimEnvelope.path.replace('{id}', ':id')
  http.post<Claiming>(path, { schema }, async () => answer)
  http.post<Claiming>(`/naive${path}`, { schema: { params, body } }, async request => {
    const [envelopeId, playerId] = [request.params.id, callers.get(request) ?? '']
    const status = await takeTurn({ envelopeId, playerId })
    return { ...answer, status }
  })
  return http
}

function listenForSockets(http: FastifyInstance): WebSocketServer {
  const sockets = new WebSocketServer({
    ...{ noServer: true, maxPayload: limits.socket.payloadBytes, perMessageDeflate: false },
    handleProtocols: protocols => protocols.has(subprotocol) && subprotocol,
  })
  http.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, opened => {
      opened.on('message', (data: Buffer) => opened.send(data.toString('utf8')))
    })
  })
  return sockets
}

const http = serve()
const sockets = listenForSockets(http)

answerQuestions(async (asked): Promise<unknown> => {
  const question = asked as Question
  switch (question.do) {
    case 'listen':
      await http.listen({ port: 0, host: '127.0.0.1' })
      return `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`
    case 'broadcast': {
      const startMs = Date.now()
      for (const client of sockets.clients) client.send(question.text)
      return startMs
    }
  }
})
process.once('SIGTERM', () => process.exit(0))
