/** What the verbs of this folder need from outside; app.ts composes the real ones. */
import type { Reputation } from '#protocol/scalars.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Covered } from '../budgets/budget.ts'
import type { Trust } from '../trust/trust.ts'
import type { Offer, ServiceRequest } from './request.ts'
import type { RequestState } from './state.ts'

/** One provider and one request. */
export type Pair = { requestId: string; providerId: string }

/** When the n-th newest of something was; undefined where there are fewer. */
type FindNth = (tx: Tx, which: { playerId: string; nth: number }) => Promise<number | undefined>

/** One provider who had it in hand: `droppedAtMs` where they are out of it, and the request went on without them. */
export type Acceptance = { providerId: string; acceptedAtMs: number; droppedAtMs: number | null }

/** Who got a service request, for whoever else asks. */
export type AcceptanceRecord = {
  find(tx: Tx, id: string): Promise<ServiceRequest | undefined>
  /** As found after it was held: it stays as it is until the transaction ends, and others may hold it, too. */
  hold(tx: Tx, id: string): Promise<ServiceRequest | undefined>
  /** The latest first. */
  listAcceptances(tx: Tx, requestId: string): Promise<Acceptance[]>
}

/** The tables of service requests. Lists are read one row past the page. */
export type RequestRecord = {
  insert(tx: Tx, request: ServiceRequest): Promise<void>
  find(tx: Tx, id: string): Promise<ServiceRequest | undefined>
  /** As found after its row lock was taken: of two that change it, the second sees the first. */
  lock(tx: Tx, id: string): Promise<ServiceRequest | undefined>
  /** Replaces what can change of a locked request, and only if it is still `before`; the new version. */
  store(tx: Tx, before: ServiceRequest, after: ServiceRequest): Promise<bigint>
  findStates(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, RequestState>>
  /** Newest first. */
  listOwn(tx: Tx, posterId: string, page: PageRequest): Promise<ServiceRequest[]>
  /** By acceptance, the latest first; those that were dropped are not among them. */
  listTaken(tx: Tx, providerId: string, page: PageRequest): Promise<ServiceRequest[]>
  listByState(tx: Tx, state: RequestState, page: PageRequest): Promise<ServiceRequest[]>
  /** Those in one of `states` that the clock has to act on, the longest due first. */
  listDue(tx: Tx, due: { states: readonly RequestState[]; nowMs: number; limit: number }): Promise<string[]>
  listWidening(tx: Tx, due: { nowMs: number; limit: number }): Promise<string[]>

  /** Until the transaction ends, nobody else counts what this player posts or takes. */
  lockPlayer(tx: Tx, what: 'post' | 'take', playerId: string): Promise<void>
  countUnended(tx: Tx, posterId: string): Promise<number>
  findNthNewestPostMs: FindNth
  findNthNewestPlaceMs: FindNth
  findNthNewestDropMs: FindNth

  /** Adds it, or finds the one that is there. */
  offer(tx: Tx, offer: Offer): Promise<Offer>
  findOffer(tx: Tx, id: string): Promise<Offer | undefined>
  withdrawOffer(tx: Tx, pair: Pair & { nowMs: number }): Promise<void>
  /** Those that stand, of everybody but the provider who has it. */
  listStanding(tx: Tx, request: ServiceRequest): Promise<Offer[]>
  /** Oldest first. */
  listOffers(tx: Tx, requestId: string, page: PageRequest): Promise<Offer[]>

  /** Notes who is told the exact place. */
  addAcceptance(tx: Tx, pair: Pair & { nowMs: number }): Promise<void>
  dropAcceptance(tx: Tx, pair: Pair & { nowMs: number }): Promise<void>
  /** Whether the provider had the request before, and gave it back or let it lapse. */
  hasDropped(tx: Tx, pair: Pair): Promise<boolean>
}

/** What stops payouts: nothing is posted, topped up or paid under it, and what goes back goes back. */
export type Budgets = { isFrozen(tx: Tx, covered: Covered): Promise<boolean> }

export type Players = {
  find(tx: Tx, id: string): Promise<{ timeScale: number } | undefined>
  /** Those of them who are banned; a ban that comes now waits for the transaction. */
  findBanned(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>>
}

/** Turns the crowd away before PostgreSQL: of all who take a request at once, one gets through. */
export type TakeGate = {
  /** Who holds it, and whether for good; `taken` is forgotten after a while, and PostgreSQL knows. */
  reserve(pair: Pair): Promise<{ holderId: string; isTaken: boolean }>
  confirm(pair: Pair): Promise<void>
  /** Lets go of it, if it is still this provider's. */
  release(pair: Pair): Promise<void>
}

/** Reads what somebody has done so far, and what that is worth. */
export type TrustOf = (tx: Tx, who: { playerId: string; nowMs: number }) => Promise<Trust>

/** How others rate people, by what they were rated as; ratings that are not told yet do not count. */
export type Reputations = {
  summarise(
    tx: Tx,
    rated: { playerIds: readonly string[]; as: 'poster' | 'provider'; nowMs: number },
  ): Promise<ReadonlyMap<string, Reputation>>
}

export type RequestSettings = {
  /** There everybody is trusted. */
  isSandbox: boolean
  currencies: ReadonlyMap<string, number>
  dayZone: string
  hmacSecret: string
  /** Of the price, for a provider whom the poster cancels on. */
  cancelFeePercent: number
}
