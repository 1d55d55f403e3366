/** Everything that can be done with a service request, composed once from its ports. */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import type { NoteAction } from '../operator/action.ts'
import { acceptOffer, takeRequest } from './accept.ts'
import { cancelRequest, confirmRequest, deliverRequest, disputeRequest } from './act.ts'
import type { RequestAnnouncer } from '../realtime/announcer.ts'
import { createRequestJobs } from './due.ts'
import { getRequest, listByState, listOffers, listOwnRequests, listTakenRequests } from './look.ts'
import { makeOffer, withdrawOffer } from './offer.ts'
import { removeRequest, splitRequest } from './operate.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { Positions } from '../positions/positions.ts'
import type { Budgets, Players, RequestRecord } from './ports.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { Transact } from '#platform/postgres.ts'
import type { Reputations, RequestSettings, TakeGate, TrustOf } from './ports.ts'
import { postRequest } from './post.ts'
import { postDraft } from './draft.ts'
import { type DutyRecord, findDuty, setDuty } from './duty.ts'
import { createReviewedRequests } from './reviewed.ts'
import type { ReviewDesk } from '../reviews/desk.ts'
import type { Subject } from '../reviews/subject.ts'
import { createStateAsking } from './taken.ts'
import { topUpRequest } from './top-up.ts'

export type ServiceRequestPorts = {
  database: Tx & { transact: Transact }
  runOnce: RunOnce
  record: RequestRecord
  ledger: Ledger
  positions: Pick<Positions, 'standing' | 'lastCell'>
  budgets: Budgets
  players: Players
  duties: DutyRecord
  trustOf: TrustOf
  reviews: ReviewDesk
  gate: TakeGate
  reputations: Reputations
  noteAction: NoteAction
  announcer: RequestAnnouncer
  clock: Clock
  random: Random
  log: Pick<Logger, 'error'>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  settings: RequestSettings
}

/** Of a verb, its ports filled in. */
type Bound<V> = V extends (ports: never, request: infer R) => infer A ? (request: R) => A : never

export type ServiceRequests = {
  post: Bound<typeof postRequest>
  postDraft: Bound<typeof postDraft>
  offer: Bound<typeof makeOffer>
  withdraw: Bound<typeof withdrawOffer>
  accept: Bound<typeof acceptOffer>
  take: Bound<typeof takeRequest>
  deliver: Bound<typeof deliverRequest>
  confirm: Bound<typeof confirmRequest>
  dispute: Bound<typeof disputeRequest>
  cancel: Bound<typeof cancelRequest>
  topUp: Bound<typeof topUpRequest>
  split: Bound<typeof splitRequest>
  remove: Bound<typeof removeRequest>
  get: Bound<typeof getRequest>
  listOwn: Bound<typeof listOwnRequests>
  listTaken: Bound<typeof listTakenRequests>
  listOffers: Bound<typeof listOffers>
  listByState: Bound<typeof listByState>
  setDuty: Bound<typeof setDuty>
  findDuty: Bound<typeof findDuty>
  /** For the reviewers. */
  reviewed: Subject
  /** Expiry, lapse, silence and the widening circle, for the job runner. */
  jobs: readonly Job[]
}

export function createServiceRequests({ database, ...ports }: ServiceRequestPorts): ServiceRequests {
  const all = {
    ...{ ...ports, tx: database, transact: database.transact },
    askState: createStateAsking({ tx: database, record: ports.record }),
  }
  return {
    post: request => postRequest(all, request),
    postDraft: request => postDraft(all, request),
    offer: request => makeOffer(all, request),
    withdraw: request => withdrawOffer(all, request),
    accept: request => acceptOffer(all, request),
    take: request => takeRequest(all, request),
    deliver: request => deliverRequest(all, request),
    confirm: request => confirmRequest(all, request),
    dispute: request => disputeRequest(all, request),
    cancel: request => cancelRequest(all, request),
    topUp: request => topUpRequest(all, request),
    split: request => splitRequest(all, request),
    remove: request => removeRequest(all, request),
    get: request => getRequest(all, request),
    listOwn: request => listOwnRequests(all, request),
    listTaken: request => listTakenRequests(all, request),
    listOffers: request => listOffers(all, request),
    listByState: request => listByState(all, request),
    setDuty: request => setDuty(all, request),
    findDuty: caller => findDuty(all, caller),
    reviewed: createReviewedRequests(all),
    jobs: createRequestJobs(all),
  }
}
