/**
 * Reporting an envelope that cannot, or should not, be reached. Whoever has won there may, and whoever is near: judged
 * between hint cells, from the last accepted fix, `here` or `hot`, which is what a hint says anyway, so a report is no
 * way to search. A reveal would be too much to ask: what lies behind a fence is never in reach. Everything that depends
 * on the envelope and not on the player's own deeds is one `out_of_reach`, and no answer tells what others reported.
 *
 * Several voices put the envelope last in its band, more of them close it with a refund. Accounts that share a device
 * are one voice, a player has so many reports a day, and who is struck for lying about places reports none.
 */
import type { Report as ReportSchema, reportEnvelope as operation } from '#protocol/rest/reports.ts'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { dayOf } from '#platform/day.ts'
import { createId } from '#platform/id.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { announceEnds, endLocked, type EndPorts } from '../envelopes/end.ts'
import type { Envelope } from '../envelopes/envelope.ts'
import { findVisible, type FindPorts } from '../envelopes/get.ts'
import type { EnvelopeRecord } from '../envelopes/ports.ts'
import { isEnded } from '../envelopes/state.ts'
import { toTimestamp } from '../envelopes/view.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import { bandOf } from '../hints/band.ts'
import type { NoteAction } from '../operator/action.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Positions } from '../positions/positions.ts'
import type { Announcer } from '../realtime/announcer.ts'

export type ReportReason = Static<typeof ReportSchema>['reason']

export type Report = {
  id: string
  envelopeId: string
  playerId: string
  reason: ReportReason
  createdAtMs: number
}

/** A report as the operator reads it: with the envelope as it is now. */
export type ListedReport = Report & { state: Static<typeof ReportSchema>['state']; reports: number }

export type ReportRecord = {
  /** Until the transaction ends, the player reports nothing else. */
  lockReporter(tx: Tx, playerId: string): Promise<void>
  find(tx: Tx, which: { envelopeId: string; playerId: string }): Promise<Report | undefined>
  /** When the player made their n-th newest report. */
  findNthNewestMs(tx: Tx, which: { playerId: string; nth: number }): Promise<number | undefined>
  /** Whether this envelope was reported from the device before. */
  hasHeard(tx: Tx, voice: { envelopeId: string; deviceId: string }): Promise<boolean>
  insert(tx: Tx, report: Report, deviceId: string | undefined): Promise<void>
  /** Counts one more voice at the locked envelope. */
  count(tx: Tx, envelopeId: string): Promise<void>
  /** Newest first, one row past the page. */
  list(tx: Tx, page: PageRequest): Promise<ListedReport[]>
}

export type ReportPorts = {
  database: Tx & { transact: Transact }
  reports: ReportRecord
  envelopes: FindPorts['record'] & EndPorts['record'] & Pick<EnvelopeRecord, 'lockEnvelope'>
  ledger: EndPorts['ledger']
  positions: Pick<Positions, 'viewpoint' | 'allowance'>
  claims: { hasWon(pair: { envelopeId: string; playerId: string }): Promise<boolean> }
  noteAction: NoteAction
  announcer: EndPorts['announcer'] & Pick<Announcer, 'cellsChanged'>
  clock: Clock
  random: Random
  dayZone: string
}

export type ReportOrder = { caller: PlayerCaller; envelopeId: string; reason: ReportReason }

type Answer = { status: 200; body: Static<(typeof operation)['answers'][200]> }

/** What was added and counts, with the envelope as it was before. */
type Added = { report: Report; envelope: Envelope }

export async function reportEnvelope(ports: ReportPorts, order: ReportOrder): Promise<Answer | Refusal> {
  const { database, reports, clock } = ports
  const { caller, envelopeId } = order
  const known = await reports.find(database, { envelopeId, playerId: caller.id })
  if (known !== undefined) return answer(known)
  const nowMs = clock.nowMs()
  const refusal = (await refuseStruck(ports, caller, nowMs)) ?? (await refuseFar(ports, order, nowMs))
  if (refusal !== undefined) return refusal
  const outcome = await database.transact(tx => add(ports, tx, { order, nowMs }))
  if (isRefusal(outcome)) return outcome
  const { added, report } = outcome
  if (added !== undefined) announce(ports, added, nowMs)
  return answer(report)
}

const answer = ({ envelopeId, reason, createdAtMs }: Report): Answer => ({
  status: 200,
  body: { envelopeId, reason, reportedAt: toTimestamp(createdAtMs) },
})

async function refuseStruck(
  { positions }: ReportPorts,
  caller: PlayerCaller,
  nowMs: number,
): Promise<Refusal | undefined> {
  const { pausedUntilMs } = await positions.allowance(caller)
  if (pausedUntilMs === undefined) return undefined
  return refuse('position_refused', { reason: 'strikes', retryAfterMs: Math.ceil(pausedUntilMs - nowMs) })
}

/** The player first, then everything about the envelope; what ended is told to who stands near or has won. */
async function refuseFar(
  { database: tx, envelopes: record, positions, claims }: ReportPorts,
  { caller, envelopeId: id }: ReportOrder,
  nowMs: number,
): Promise<Refusal | undefined> {
  const hasWon = await claims.hasWon({ envelopeId: id, playerId: caller.id })
  const view = await positions.viewpoint(caller)
  if (!hasWon && view.status === 'unknown') return refuse('position_needed')
  if (!hasWon && view.status === 'paused') {
    const { reason, retryAfterMs } = view
    return refuse('hints_paused', { reason, ...(retryAfterMs !== undefined && { retryAfterMs }) })
  }
  const found = await findVisible({ tx, record }, { caller, id, nowMs })
  if (found === undefined) return refuse('out_of_reach')
  if (found.isHider) return refuse('own_envelope')
  const isNear = view.status === 'open' && isNearTo(view.cell, found.envelope)
  return hasWon || isNear ? refuseState(found.envelope) : refuse('out_of_reach')
}

function isNearTo(stands: Cell, { cell }: Pick<Envelope, 'cell'>): boolean {
  const band = bandOf(coarsen(stands, 10), coarsen(cell, 10))
  return band === 'here' || band === 'hot'
}

function refuseState({ state }: Pick<Envelope, 'state'>): Refusal | undefined {
  if (isEnded(state)) return refuse('ended', { reason: state })
  return state === 'live' ? undefined : refuse('frozen')
}

async function add(
  ports: ReportPorts,
  tx: Tx,
  { order: { caller, envelopeId, reason }, nowMs }: { order: ReportOrder; nowMs: number },
): Promise<{ status: 'ok'; report: Report; added?: Added } | Refusal> {
  const { reports, envelopes } = ports
  await reports.lockReporter(tx, caller.id)
  const known = await reports.find(tx, { envelopeId, playerId: caller.id })
  if (known !== undefined) return { status: 'ok', report: known }
  const nthMs = await reports.findNthNewestMs(tx, { playerId: caller.id, nth: limits.report.perDay })
  // The sandbox scales a player's clock, and so the length of their days.
  const dayAt = (atMs: number) => dayOf(atMs * caller.timeScale, ports.dayZone)
  if (nthMs !== undefined && dayAt(nthMs) === dayAt(nowMs)) return refuse('daily_limit')
  const envelope = await envelopes.lockEnvelope(tx, envelopeId)
  if (envelope === undefined) return refuse('out_of_reach')
  const over = refuseState(envelope)
  if (over !== undefined) return over
  const report = { id: createId(ports), envelopeId, playerId: caller.id, reason, createdAtMs: nowMs }
  const { deviceId } = caller
  const isKnownVoice = deviceId !== undefined && (await reports.hasHeard(tx, { envelopeId, deviceId }))
  await reports.insert(tx, report, deviceId)
  if (isKnownVoice) return { status: 'ok', report }
  await reports.count(tx, envelopeId)
  if (isClosedBy(envelope)) await close(ports, tx, envelope, nowMs)
  return { status: 'ok', report, added: { report, envelope } }
}

/** By one more report than it has. */
const isClosedBy = ({ reports }: Envelope): boolean => reports + 1 >= limits.report.closesAt

async function close(
  { envelopes: record, ledger, noteAction }: ReportPorts,
  tx: Tx,
  envelope: Envelope,
  nowMs: number,
): Promise<void> {
  await endLocked({ record, ledger }, tx, [envelope], { state: 'closed', nowMs })
  const { id: envelopeId, state, epoch, claimedShares, claimedMinor } = envelope
  const reports = envelope.reports + 1
  await noteAction(tx, {
    ...({ actor: 'reports', action: 'close_reported', target: { envelopeId } } as const),
    reason: `${reports} players reported it`,
    before: { state, epoch, claimedShares, claimedMinor },
    after: { state: 'closed', epoch: epoch + 1n, reports },
    atMs: nowMs,
  })
}

function announce(
  { announcer }: Pick<ReportPorts, 'announcer'>,
  { report, envelope }: Added,
  nowMs: number,
): void {
  const { id: envelopeId, hider, cell } = envelope
  const reports = envelope.reports + 1
  if (hider.kind === 'player') {
    announcer.toPlayer(hider.id, { type: 'envelope.reported', envelopeId, reason: report.reason, reports })
  }
  if (isClosedBy(envelope)) announceEnds({ announcer }, [envelope], { state: 'closed', nowMs })
  else if (reports === limits.report.lowersAt) announcer.cellsChanged([coarsen(cell, 7)])
}
