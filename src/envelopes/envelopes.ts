/** Everything that can be done with an envelope besides claiming it, composed once from its ports. */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Database, Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { createSiteCodes } from '../campaigns/site-code.ts'
import type { Announcer } from '../realtime/announcer.ts'
import type { NoteAction } from '../operator/action.ts'
import { closeEnvelope } from './close.ts'
import type { EndPorts } from './end.ts'
import { type EnvelopeFreezeOrder, freezeEnvelope, type Moved, unfreezeEnvelope } from './freeze.ts'
import { getEnvelope } from './get.ts'
import { hideEnvelope, type HideSettings } from './hide.ts'
import { createEnvelopeJobs } from './jobs.ts'
import { readEnvelopeLedger } from './ledger.ts'
import { listOwnEnvelopes, listWins } from './list.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { Budgets, Campaigns, EnvelopeRecord, Exclusions, Gates, Merchants } from './ports.ts'
import type { Positions } from '../positions/positions.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { Transact } from '#platform/postgres.ts'
import { createReviewedEnvelopes } from './reviewed.ts'
import type { ReviewDesk } from '../reviews/desk.ts'
import type { Subject } from '../reviews/subject.ts'
import { verifyEnvelope } from './verify.ts'

export type EnvelopePorts = Pick<EndPorts, 'giveBackCoupons'> & {
  database: Tx & { transact: Transact } & Pick<Database, 'snapshot'>
  runOnce: RunOnce
  record: EnvelopeRecord
  ledger: Ledger
  positions: Pick<Positions, 'standing' | 'lastCell'>
  merchants: Merchants
  exclusions: Exclusions
  budgets: Budgets
  campaigns: Campaigns
  reviews: Pick<ReviewDesk, 'submit'>
  noteAction: NoteAction
  announcer: Announcer
  gates: Gates
  clock: Clock
  random: Random
  log: Pick<Logger, 'error'>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  settings: HideSettings
}

type Request<Verb extends (ports: never, request: never) => unknown> = Parameters<Verb>[1]

export type Envelopes = {
  hide(request: Request<typeof hideEnvelope>): ReturnType<typeof hideEnvelope>
  close(request: Request<typeof closeEnvelope>): ReturnType<typeof closeEnvelope>
  get(request: Request<typeof getEnvelope>): ReturnType<typeof getEnvelope>
  listOwn(request: Request<typeof listOwnEnvelopes>): ReturnType<typeof listOwnEnvelopes>
  listWins(request: Request<typeof listWins>): ReturnType<typeof listWins>
  readLedger(request: Request<typeof readEnvelopeLedger>): ReturnType<typeof readEnvelopeLedger>
  verify(request: Request<typeof verifyEnvelope>): ReturnType<typeof verifyEnvelope>
  /** By the operator, inside a transaction; what it returns is announced after the commit. */
  freeze(tx: Tx, order: EnvelopeFreezeOrder): Promise<Moved>
  unfreeze(tx: Tx, order: EnvelopeFreezeOrder): Promise<Moved>
  /** For the reviewers. */
  reviewed: Subject
  /** Opening and expiry, for the job runner. */
  jobs: readonly Job[]
}

export function createEnvelopes({ database, ...ports }: EnvelopePorts): Envelopes {
  const { hmacSecret } = ports.settings
  const siteCodes = createSiteCodes({ hmacSecret, random: ports.random })
  const all = { ...ports, siteCodes, tx: database, transact: database.transact, snapshot: database.snapshot }
  return {
    hide: request => hideEnvelope(all, request),
    close: request => closeEnvelope(all, request),
    get: request => getEnvelope(all, request),
    listOwn: request => listOwnEnvelopes(all, request),
    listWins: request => listWins(all, request),
    readLedger: request => readEnvelopeLedger(all, request),
    verify: request => verifyEnvelope(all, request),
    freeze: (tx, order) => freezeEnvelope(all, tx, order),
    unfreeze: (tx, order) => unfreezeEnvelope(all, tx, order),
    reviewed: createReviewedEnvelopes(all),
    jobs: createEnvelopeJobs(all),
  }
}
