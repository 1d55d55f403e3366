/** The claim path, composed once from its ports: what a process runs, whether its ports are real or simulated. */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { type Background, createBackground } from '#platform/background.ts'
import { type Ask, createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Random } from '#platform/random.ts'
import { inNobodysName } from '#platform/tenant.ts'
import { anchorOf } from '../envelopes/anchor.ts'
import { opensWith } from '../envelopes/audience.ts'
import { createSiteCodes } from '../campaigns/site-code.ts'
import type { PayoutGuard } from '../budgets/guard.ts'
import type { FreezeWatch } from '../budgets/watch.ts'
import type { Positions } from '../positions/positions.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { announceLateWin, createSettledAnnouncer } from './announce.ts'
import type { ApproachPorts } from './approach.ts'
import { type ClaimPorts, type ClaimVerb, createClaim } from './claim.ts'
import { type ClaimGate, maxReserveBatch, type ReserveRequest, type ReserveVerdict } from './gate.ts'
import { passBy, type Reach } from './failpoints.ts'
import { createGrab } from './grab.ts'
import { createMemory, type Memory } from './memory.ts'
import type { Claim, ClaimRecord } from './record.ts'
import { partitionOf } from './reservation.ts'
import { createReveal, type Revealed, type RevealVerb } from './reveal.ts'
import { createSettle, isMarked, listEnded, type Settle, type Settled, type SettledBatch } from './settle.ts'
import type { WinLimits } from './win-limits.ts'
import { createSettleQueue } from './settle-queue.ts'
import {
  createForgottenSweep,
  findDuePartitions,
  measureOutboxLag,
  sweepPartition,
  type SweepPorts,
} from './sweep.ts'
import { issueTicket, readTicket } from './ticket.ts'

export type ClaimsPorts<T> = {
  gate: ClaimGate
  /** The same gate on a connection of its own, so that sweeping never queues before a claim. */
  sweepGate: ClaimGate
  record: ClaimRecord<T>
  positions: Positions
  /** Caps at settlement, and what this server knows of freezes before it. */
  budgets: PayoutGuard<T> & Pick<FreezeWatch, 'isFrozen'>
  announcer: Announcer
  clock: Clock
  random: Random
  log: Logger
  hmacSecret: string
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  /** PostgreSQL is down, or the outcome of COMMIT is unknown. */
  isOutage: (error: unknown) => boolean
  /** Where a campaign limits what one player wins; absent where none does. */
  winLimits?: WinLimits<T> & { count(pair: { campaignId: string; playerId: string }): Promise<number> }
  /** Who of them is banned, held so until the transaction ends; absent where nobody ever is. */
  findBanned?: (tx: T, playerIds: readonly string[]) => Promise<ReadonlySet<string>>
  /** After each commit that recorded claims, and each reveal: for whoever counts. */
  onSettled?: (batch: SettledBatch) => void
  onRevealed?: (reveal: Revealed) => void
  /** After each gate that was filled from the record. */
  onRebuilt?: () => void
  /** Where tests let this process die; see {@link Reach}. */
  reach?: Reach
}

export type Claims = {
  claim: ClaimVerb
  reveal: RevealVerb
  /** An envelope has opened: where a crowd may come, its gate is filled before the first of them claims. */
  prepare(opened: { id: string; shareCount: number }): void
  jobs: readonly Job[]
  /** Resolves when nothing that was reserved here waits for the record, and nothing runs behind the answers. */
  drain(): Promise<void>
  /** Since when the oldest win of this process waits for the record. */
  unsettledSinceMs(): number | undefined
  /** Age of the oldest reservation, of any process, behind the sweeper's cursors. */
  outboxLagMs(): Promise<number>
}

/** Of fewer shares the gate is filled by the first claim: most envelopes of a drop are never found. */
const sharesOfCrowd = 50
const sweepEveryMs = 1_000
const forgottenEveryMs = 60_000

export function createClaims<T>(ports: ClaimsPorts<T>): Claims {
  const { gate, record, budgets, announcer, clock, random, log, hmacSecret, reach = passBy } = ports
  const nowMs = () => clock.nowMs()
  const onLateWin = (claim: Claim) => announceLateWin(announcer, claim)
  const background = createBackground(log)
  const tell = tellAll(ports)
  const settle = createSettle({
    ...{ record, budgets, nowMs, reach },
    isRowError: ports.isRowError,
    findBanned: ports.findBanned,
    winLimits: ports.winLimits,
    onSettled: batch => {
      tell(batch)
      for (const envelopeId of listEnded(batch)) {
        background.run(memory.rememberEnd(envelopeId, 'empty'), 'an end is not remembered yet')
        grabs.noteEnd(envelopeId)
      }
    },
  })
  const memory = createMemory({
    ...{ record, clock },
    onEnd: envelopeId => background.run(gate.retire(envelopeId), 'the gate of an ended envelope stays'),
  })
  const queue = createSettleQueue({
    settle: settleAndMark(settle, { gate, memory, background, reach }),
    clock,
    isOutage: ports.isOutage,
    onOutage: error => log.error({ err: error }, 'settlement waits for PostgreSQL'),
    onSettled: envelopeId => grabs.noteSettled(envelopeId),
  })
  const grabs = createGrab({
    ...{ gate, record, memory, queue, clock, random, reach, onRebuilt: ports.onRebuilt },
    reserve: createReserve(gate, clock),
    pendingAfterMs: limits.claim.pendingAfterMs,
  })
  const approach = createApproach(ports, memory)
  const reveal = createReveal({
    ...approach,
    anchorOf: seen => anchorOf(hmacSecret, seen),
    issueTicket: (bearer, given) => issueTicket(hmacSecret, bearer, given),
    onRevealed: ports.onRevealed,
  })
  const claim = createClaim({
    ...approach,
    grabs,
    onLateWin,
    inBackground: background.run,
    reach,
  })
  const sweepPorts = {
    ...{ gate: ports.sweepGate, record, settle, nowMs },
    ...{ log, onLateWin, reach, onRebuilt: ports.onRebuilt },
  }
  const drain = async () => {
    await queue.drain()
    await background.finish()
  }
  const prepare: Claims['prepare'] = ({ id, shareCount }) => {
    const fill = () => grabs.prepare(id)
    if (shareCount >= sharesOfCrowd) background.run(inNobodysName(fill), 'a gate was not filled ahead')
  }
  return {
    ...{ claim, reveal, prepare, drain },
    jobs: createSweepJobs(sweepPorts),
    unsettledSinceMs: queue.oldestMs,
    outboxLagMs: () => measureOutboxLag(sweepPorts),
  }
}

const createSweepJobs = <T>(sweepPorts: SweepPorts<T>): Job[] => [
  {
    name: 'sweep',
    everyMs: sweepEveryMs,
    due: () => findDuePartitions(sweepPorts),
    run: shard => sweepPartition(sweepPorts, shard),
  },
  { name: 'settle-forgotten', everyMs: forgottenEveryMs, run: createForgottenSweep(sweepPorts) },
]

/** After a commit: the players whom it concerns, and whoever counts. */
function tellAll<T>({ announcer, hmacSecret, onSettled }: ClaimsPorts<T>): (batch: SettledBatch) => void {
  const tellPlayers = createSettledAnnouncer({ announcer, hmacSecret })
  return batch => {
    tellPlayers(batch)
    onSettled?.(batch)
  }
}

/** What a claim and a reveal need on the way to an envelope. */
function createApproach<T>(
  { positions, budgets, winLimits, clock, random, hmacSecret }: ClaimsPorts<T>,
  memory: Memory,
): ApproachPorts & Pick<ClaimPorts, 'positions'> {
  const siteCodes = createSiteCodes({ hmacSecret, random })
  return {
    ...{ memory, positions, clock },
    findCodeStep: (site, sent) => siteCodes.findStep(site, sent, clock.nowMs()),
    isStopped: budgets.isFrozen,
    countWins: winLimits?.count,
    opensWith: ({ id: envelopeId, passphraseMac: mac }, passphrase) =>
      mac !== null && passphrase !== undefined && opensWith(hmacSecret, { envelopeId, passphrase, mac }),
    readTicket: (bearer, ticket) => readTicket(hmacSecret, bearer, { ticket, nowMs: clock.nowMs() }),
  }
}

type MarkPorts = { gate: ClaimGate; memory: Memory; background: Background; reach: Reach }

/** Marks follow the commit; no answer waits for them, and the sweeper repeats those that fail. */
function settleAndMark(settle: Settle, { gate, memory, background, reach }: MarkPorts): Settle {
  return async reservations => {
    const outcomes = await settle(reservations)
    reach('after-commit-before-mark')
    for (const outcome of outcomes) if ('claim' in outcome) memory.rememberWin(outcome.claim)
    const recorded = reservations.filter((reservation, i) => isMarked(reservation, outcomes[i] as Settled))
    const marked = gate.mark(recorded).then(() => reach('after-mark'))
    background.run(marked, 'settled wins are not marked yet')
    return outcomes
  }
}

/** Claims of one partition that arrive together are one script call. */
export function createReserve(gate: ClaimGate, clock: Pick<Clock, 'nowMs' | 'atTurnEnd'>) {
  const partitions = new Map<number, Ask<ReserveRequest, ReserveVerdict>>()
  const create = (partition: number) =>
    createBatcher<ReserveRequest, ReserveVerdict>({
      maxSize: maxReserveBatch,
      concurrency: 4,
      clock,
      run: requests => gate.reserve(partition, requests, clock.nowMs()),
    })
  return (request: ReserveRequest): Promise<ReserveVerdict> => {
    const partition = partitionOf(request.envelopeId)
    const reserve = partitions.get(partition) ?? create(partition)
    partitions.set(partition, reserve)
    return reserve(request)
  }
}
