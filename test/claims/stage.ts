/** The claim path over real PostgreSQL and Redis: what a server composes, without HTTP, and servers can be many. */
import type { Test } from 'tap'
import { createJobs } from '#platform/jobs.ts'
import { createLogger } from '#platform/logger.ts'
import { isDatabaseDown, isRowError, type Tx } from '#platform/postgres.ts'
import { createScriptRunner } from '#platform/redis.ts'
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import { createClaims } from '../../src/claims/claims.ts'
import { createClaimRecord, countClaimsSince } from '../../src/claims/postgres.ts'
import { createClaimGate } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import type { Point } from '../../src/geo/point.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { createPositions } from '../../src/positions/positions.ts'
import { createStandingStore } from '../../src/positions/redis.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { createStage, square } from '../envelopes/stage.ts'

export const hmacSecret = 'a secret for tests, long enough.'

export async function createClaimStage(t: Test) {
  const stage = await createStage(t, { connections: 20 })
  const { world } = stage
  const { database, redis, redisPrefix: prefix, clock, random } = world
  const announced: unknown[] = []
  const announce = (event: unknown) => void announced.push(event)
  const announcer = {
    envelopeOpened: announce,
    envelopeEnded: announce,
    toPlayer: (playerId: string, frame: object) => announce({ playerId, ...frame }),
  }

  /** One more server over the same PostgreSQL and Redis, with a memory of its own. */
  function createServer() {
    const runner = createScriptRunner(redis)
    const nowMs = () => clock.nowMs()
    const gate = createClaimGate({ redis, runner, prefix, nowMs })
    const record = createClaimRecord({ database, postTransfers })
    const store = createStandingStore({ redis, runner, prefix })
    const positions = createPositions({
      ...{ store, clock, hmacSecret },
      countClaimsSince: asked => countClaimsSince(database, asked),
    })
    const log = createLogger('silent')
    const outside = { announcer, clock, random, log, hmacSecret, isRowError, isOutage: isDatabaseDown }
    const claims = createClaims<Tx>({ gate, sweepGate: gate, record, positions, ...outside })
    const sweep = async (envelopeId: string) => {
      const job = claims.jobs.find(({ name }) => name === 'sweep')
      return job?.run(partitionOf(envelopeId))
    }
    const settleForgotten = async () => claims.jobs.find(({ name }) => name === 'settle-forgotten')?.run(0)
    return { ...claims, gate, record, positions, sweep, settleForgotten }
  }

  const server = createServer()
  const fixAt = (point: Point, accuracyM = 8) => ({ ...point, accuracyM })
  const claim = (
    player: PlayerCaller,
    envelopeId: string,
    { at = square, on = server, ...more }: { at?: Point; on?: typeof server; passphrase?: string } = {},
  ): Promise<ClaimAnswer> => on.claim(player, { envelopeId, fix: fixAt(at), ...more })

  /** Players without money, made in one statement. */
  async function createCrowd(size: number): Promise<PlayerCaller[]> {
    const rows = await stage.ask<{ id: string }>(
      `insert into players (id, issuer, subject, created_at)
       select gen_random_uuid(), 'crowd', gen_random_uuid(), now() from generate_series(1, $1) returning id`,
      [size],
    )
    return rows.map(({ id }) => ({ kind: 'player', id, timeScale: 1 }))
  }

  const keysOf = async (envelopeId: string) =>
    redis.keys(`${prefix}e:{${partitionOf(envelopeId)}}:${envelopeId}*`)
  const outboxOf = (envelopeId: string) => `${prefix}o:{${partitionOf(envelopeId)}}`
  return {
    ...stage,
    announced,
    createServer,
    server,
    claim,
    createCrowd,
    keysOf,
    outboxOf,
    fixAt,
    createJobs,
  }
}

export const outcomeOf = (answer: ClaimAnswer): string =>
  answer.status === 'refused' ? [answer.code, answer.reason].filter(Boolean).join(':') : answer.status
