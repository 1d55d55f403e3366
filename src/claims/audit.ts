/**
 * Reconciliation, the part that compares Redis with the record. Redis is ahead of PostgreSQL all the time, so a
 * difference counts only when a second look, ten seconds later, finds it again. Nothing is repaired here: the sweeper
 * and the next claim do that, and what stays in this report is what they could not do.
 */
import type { Clock } from '#platform/clock.ts'
import type { ClaimGate, OutboxEntry } from './gate.ts'
import type { Claim, ClaimRecord, GatedEnvelope } from './record.ts'
import { partitionCount, partitionOf } from './reservation.ts'

/** What is compared; in words for the operator in {@link auditTitles}. */
export type AuditName = 'unsettled' | 'unrecorded' | 'forgotten' | 'counts' | 'epochs' | 'outbox'

export const auditTitles: Record<AuditName, string> = {
  unsettled: 'reservations are settled, and marked as settled',
  unrecorded: 'wins that are marked as settled are claims of the record',
  forgotten: 'claims of live envelopes are winners of their gates',
  counts: 'shares left and won add up in every gate',
  epochs: 'no gate is ahead of the record',
  outbox: 'no payable win waits behind the sweeper',
}

export type GateWinner = { playerId: string; shareNo: number; entryId: string; isSettled: boolean }

/** One gate at one moment, as of an epoch. */
export type GateView =
  | { status: 'absent' }
  /** A key has another type than it should. */
  | { status: 'unreadable' }
  | { status: 'other_epoch'; storedEpoch: number }
  | { status: 'read'; shareCount: number; settled: number; free: number; winners: readonly GateWinner[] }

export type GateReader = { inspect(envelopeId: string, epoch: number): Promise<GateView> }

export type AuditPorts = {
  gate: GateReader & Pick<ClaimGate, 'identity' | 'readOutbox'>
  record: Pick<
    ClaimRecord<unknown>,
    'findEnvelopes' | 'findClaims' | 'listWinners' | 'listGated' | 'readCursor'
  >
  clock: Pick<Clock, 'sleep' | 'nowMs'>
}

type Figures = Readonly<Record<string, string | number>>
/** `key` tells whether a second look finds the same difference; its figures may have moved on. */
type Difference = { check: AuditName; key: string; figures: Figures }

/** `examples` are the first ten of the `differences`. */
export type AuditCheck = { name: AuditName; differences: number; examples: readonly Figures[] }

/** `gates` and outbox `entries` were looked at; `entries` are those that the sweeper has yet to pass. */
export type Audit = { checks: readonly AuditCheck[]; gates: number; entries: number }

export const auditLimits = { minAgeMs: 10_000, reopenedMs: 120_000, page: 200, batch: 500, examples: 10 }

/** Compares all live gates and the outbox, or those of one envelope. */
export async function auditGates(
  ports: AuditPorts,
  { envelopeId }: { envelopeId?: string } = {},
): Promise<Audit> {
  const first = await look(ports, envelopeId)
  if (first.differences.length === 0) return report(first, [])
  await ports.clock.sleep(auditLimits.minAgeMs)
  const second = await look(ports, envelopeId)
  const before = new Set(first.differences.map(({ key }) => key))
  return report(
    second,
    second.differences.filter(({ key }) => before.has(key)),
  )
}

type Look = { gates: number; entries: number; differences: Difference[] }

function report({ gates, entries }: Look, differences: readonly Difference[]): Audit {
  const checks = (Object.keys(auditTitles) as AuditName[]).map(name => {
    const found = differences.filter(({ check }) => check === name)
    const examples = found.slice(0, auditLimits.examples).map(({ figures }) => figures)
    return { name, differences: found.length, examples }
  })
  return { checks, gates, entries }
}

async function look(ports: AuditPorts, envelopeId: string | undefined): Promise<Look> {
  const sum: Look = { gates: 0, entries: 0, differences: [] }
  for await (const envelope of listEnvelopes(ports, envelopeId)) {
    const { id, epoch } = envelope
    // The gate first: whatever it holds as settled was recorded before.
    const view = await ports.gate.inspect(id, epoch)
    const claims = await ports.record.listWinners(id)
    sum.gates += 1
    const mayWait = isHeldBack(envelope, ports.clock.nowMs())
    sum.differences.push(
      ...compareGate({ envelopeId: id, epoch, view, claims }).filter(
        ({ check }) => !(mayWait && check === 'unsettled'),
      ),
    )
  }
  const identity = await ports.gate.identity()
  for (const partition of listPartitions(envelopeId)) {
    const entries = await readWaiting(ports, { partition, identity })
    const ours = entries.filter(entry => envelopeId === undefined || entry.envelopeId === envelopeId)
    sum.entries += ours.length
    sum.differences.push(...(await findUnpaid(ports, ours)))
  }
  return sum
}

/** Reservations wait while a budget over the envelope is frozen, and until the sweep that settles them has come by. */
const isHeldBack = ({ isStopped, openedAtMs }: GatedEnvelope, nowMs: number): boolean =>
  isStopped || (openedAtMs !== undefined && nowMs - openedAtMs < auditLimits.reopenedMs)

async function* listEnvelopes({ record }: AuditPorts, envelopeId: string | undefined) {
  for (let afterId: string | undefined; ; ) {
    const page = await record.listGated(afterId, auditLimits.page, envelopeId)
    yield* page
    if (page.length < auditLimits.page) return
    afterId = page.at(-1)?.id
  }
}

const listPartitions = (envelopeId: string | undefined): number[] =>
  envelopeId === undefined
    ? Array.from({ length: partitionCount }, (_, partition) => partition)
    : [partitionOf(envelopeId)]

type Compared = { envelopeId: string; epoch: number; view: GateView; claims: readonly Claim[] }

/** A gate that is absent or older than the record is no difference: the next claim rebuilds it. */
function compareGate({ envelopeId, epoch, view, claims }: Compared): Difference[] {
  const differ = (check: AuditName, figures: Figures, key = ''): Difference => ({
    check,
    key: `${check} ${envelopeId} ${key}`,
    figures: { envelope: envelopeId, ...figures },
  })
  switch (view.status) {
    case 'absent':
      return []
    case 'unreadable':
      return [differ('counts', { gate: 'a key has the wrong type' })]
    case 'other_epoch':
      return view.storedEpoch > epoch ? [differ('epochs', { epoch, gate_epoch: view.storedEpoch })] : []
    case 'read':
      return [
        ...(addsUp(view) ? [] : [differ('counts', countFigures(view))]),
        ...compareWinners(view.winners, claims).map(({ check, player, figures }) =>
          differ(check, { player, ...figures }, `${player} ${figures.entry ?? ''}`),
        ),
      ]
  }
}

type ReadView = Extract<GateView, { status: 'read' }>

const countSettled = ({ winners }: ReadView): number => winners.filter(({ isSettled }) => isSettled).length

const addsUp = (view: ReadView): boolean =>
  view.free + view.winners.length === view.shareCount && view.settled === countSettled(view)

const countFigures = (view: ReadView): Figures => ({
  shares: view.shareCount,
  left: view.free,
  won: view.winners.length,
  settled: view.settled,
  marked: countSettled(view),
})

function compareWinners(winners: readonly GateWinner[], claims: readonly Claim[]) {
  const shareOf = new Map(claims.map(({ playerId, shareNo }) => [playerId, shareNo]))
  const heldBy = new Map(winners.map(({ playerId, shareNo }) => [playerId, shareNo]))
  const ofGate = winners.flatMap(({ playerId: player, shareNo: share, entryId: entry, isSettled }) => {
    const recorded = shareOf.get(player)
    if (isSettled && recorded === share) return []
    const check: AuditName = isSettled ? 'unrecorded' : 'unsettled'
    return [{ check, player, figures: { share, recorded_share: recorded ?? 'none', entry } }]
  })
  const ofRecord = claims.flatMap(({ playerId: player, shareNo: recorded_share }) =>
    heldBy.has(player)
      ? []
      : [{ check: 'forgotten' as const, player, figures: { recorded_share, entry: '' } }],
  )
  return [...ofGate, ...ofRecord]
}

type Place = { partition: number; identity: string }

/** Everything behind the sweeper's cursor that is old enough for it to have been there. */
async function readWaiting({ gate, record }: AuditPorts, place: Place): Promise<OutboxEntry[]> {
  const { minAgeMs, batch: limit } = auditLimits
  const entries: OutboxEntry[] = []
  for (let after = (await record.readCursor(place.partition, place.identity)) ?? '0-0'; ; ) {
    const page = await gate.readOutbox(place.partition, after, { minAgeMs, limit })
    entries.push(...page)
    if (page.length < limit) return entries
    after = page.at(-1)?.entryId ?? after
  }
}

/** Only those that a sweeper would pay: recorded ones, those of ended envelopes and of older epochs it passes by. */
async function findUnpaid({ record }: AuditPorts, entries: readonly OutboxEntry[]): Promise<Difference[]> {
  if (entries.length === 0) return []
  const pairOf = (claim: { envelopeId: string; playerId: string }) => `${claim.envelopeId} ${claim.playerId}`
  const recorded = new Set((await record.findClaims(entries)).map(pairOf))
  const missing = entries.filter(entry => !recorded.has(pairOf(entry)))
  const envelopes = await record.findEnvelopes([...new Set(missing.map(({ envelopeId }) => envelopeId))])
  const payable = new Map(
    envelopes.filter(({ state }) => state === 'live').map(({ id, epoch }) => [id, epoch]),
  )
  return missing
    .filter(({ envelopeId, epoch }) => payable.get(envelopeId) === epoch)
    .map(({ partition, entryId, envelopeId, playerId, shareNo }) => ({
      check: 'outbox',
      key: `outbox ${partition} ${entryId}`,
      figures: { envelope: envelopeId, player: playerId, share: shareNo, partition, entry: entryId },
    }))
}
