/** The part of the composition root that is service requests: asked for, taken on, talked about and rated. */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import type { Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { type Database, isRowError } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { isFrozen } from './budgets/postgres.ts'
import { createChats } from './chats/chats.ts'
import { chatRecord } from './chats/postgres.ts'
import { registerChatRoutes } from './chats/routes.ts'
import { isInsufficientFunds } from './ledger/postgres.ts'
import type { PostTransfers } from './ledger/transfer.ts'
import type { NoteAction } from './operator/action.ts'
import type { Caller, PlayerCaller } from './players/caller.ts'
import { playerRecord } from './players/postgres.ts'
import type { Positions } from './positions/positions.ts'
import { ratingRecord } from './ratings/postgres.ts'
import { registerRatingRoutes } from './ratings/routes.ts'
import type { RequestAnnouncer } from './realtime/announcer.ts'
import type { Channels } from './realtime/redis.ts'
import type { Duty } from './requests/duty.ts'
import { createLiveRequests } from './requests/live-requests.ts'
import { createNearby } from './requests/nearby.ts'
import type { TrustOf } from './requests/ports.ts'
import { acceptanceRecord, dutyRecord, loadLiveRequests, requestRecord } from './requests/postgres.ts'
import { createTakeGate } from './requests/redis.ts'
import { createServiceRequests } from './requests/requests.ts'
import { registerServiceRequestRoutes } from './requests/routes.ts'
import type { ReviewDesk } from './reviews/desk.ts'

export type RequestParts = Parameters<typeof createTakeGate>[0] & {
  config: Pick<ReadyConfig, 'isSandbox' | 'currencies' | 'dayZone' | 'hmacSecret' | 'cancelFeePercent'>
  database: Database
  clock: Clock
  random: Random
  log: Logger
  postTransfers: PostTransfers
  announcer: RequestAnnouncer
  /** What other servers tell of service requests. */
  feed: Channels['requests']
  noteAction: NoteAction
  positions: Positions
  trustOf: TrustOf
  reviews: ReviewDesk
}

export function composeRequests(parts: RequestParts) {
  const { config, database, clock, random, log, announcer, noteAction, positions } = parts
  const { redis, runner, prefix } = parts
  const { isSandbox, currencies, dayZone, hmacSecret, cancelFeePercent } = config
  const requests = createServiceRequests({
    database,
    runOnce: (request, act) => runOnce(database, request, act),
    record: requestRecord,
    ledger: { post: parts.postTransfers, isInsufficientFunds },
    players: playerRecord,
    ...{ trustOf: parts.trustOf, reviews: parts.reviews, duties: dutyRecord },
    gate: createTakeGate({ redis, runner, prefix }),
    reputations: ratingRecord,
    budgets: { isFrozen },
    ...{ positions, noteAction, announcer, clock, random, log, isRowError },
    settings: { isSandbox, currencies, dayZone, hmacSecret, cancelFeePercent },
  })
  const chats = createChats({
    ...{ database, record: chatRecord, requests: acceptanceRecord },
    ...{ noteAction, announcer, clock, settings: { hmacSecret } },
  })
  const live = createLiveRequests({
    loadRequests: cells7 => loadLiveRequests(database, cells7),
    ...{ feed: parts.feed, clock, log },
  })
  const nearby = createNearby(live)
  return {
    ...{ jobs: requests.jobs, reviewed: requests.reviewed, close: live.close },
    /** What a socket asks of it. */
    forSockets: {
      ...{ requests: { live, nearby }, chats },
      duties: {
        find: requests.findDuty,
        set: (caller: PlayerCaller, duty: Duty) => requests.setDuty({ caller, duty }),
      },
    },
    register(bind: Bind<Caller>): void {
      registerServiceRequestRoutes(bind, { requests, live, nearby, positions })
      registerChatRoutes(bind, { chats })
      registerRatingRoutes(bind, { tx: database, record: ratingRecord, requests: acceptanceRecord, clock })
    },
  }
}
