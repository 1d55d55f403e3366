/**
 * Recovery: PostgreSQL came back from a backup that is older than Redis. What happened in between is lost to the record
 * but not to the gates: their lists of winners and the kept outbox say who held which share, and what a share is worth
 * the record knows since the envelope was funded. So every envelope starts an epoch above both, which fences whatever
 * is still under way, and what was won is settled again. What cannot be is listed, for a human to make good.
 *
 * Winners that a gate marks as settled were on record, and some were told so; they come first. Of what was only
 * reserved, later epochs come first, because a reservation of an older one had been refused.
 */
import type { GateWinner } from './audit.ts'
import type { ClaimGate, OutboxEntry } from './gate.ts'
import type { LockedEnvelope } from './record.ts'
import { partitionCount, partitionOf, type Reservation } from './reservation.ts'
import { restoreReservations, type Restored } from './restore.ts'
import type { SettlePorts } from './settle.ts'

export type KeptGates = {
  /** Envelopes that Redis has a gate of, or winners of some epochs. */
  list(): Promise<ReadonlyMap<string, ReadonlySet<number>>>
  listWinners(envelopeId: string, epoch: number): Promise<GateWinner[]>
}

export type RecoverPorts<T> = Omit<SettlePorts<T>, 'reach' | 'onSettled'> & {
  gate: Pick<ClaimGate, 'identity' | 'readOutbox' | 'storedEpoch'>
  kept: KeptGates
  /** Makes locked envelopes live. */
  openEnvelopes: (tx: T, ids: readonly string[]) => Promise<void>
  isPlayerUnknown: (fault: Error) => boolean
}

export type LossReason =
  | 'envelope_unknown'
  | 'player_unknown'
  | 'share_taken'
  | 'other_share'
  | 'ended'
  | 'banned'
  | 'over_cap'
  | 'refused'

/** A win that is not restored. `wasSettled`: it was on record before, so the player may have been told. */
export type Loss = {
  envelopeId: string
  playerId: string
  shareNo: number
  reservedAtMs: number | undefined
  wasSettled: boolean
  reason: LossReason
  detail?: string
}

export type Recovery = {
  /** Envelopes that started an epoch above that of their gate. */
  envelopes: number
  /** Wins that Redis knows: on record already, restored now, reserved too late for an envelope that had ended, lost. */
  recorded: number
  restored: number
  tooLate: number
  lost: readonly Loss[]
}

const page = { envelopes: 200, entries: 500 }

/** `isRehearsal`: says what would come of it, and changes nothing. Running it again goes on where it was. */
export async function recoverClaims<T>(
  ports: RecoverPorts<T>,
  { isRehearsal }: { isRehearsal: boolean },
): Promise<Recovery> {
  const kept = await ports.kept.list()
  const identity = await ports.gate.identity()
  const sum = { envelopes: 0, recorded: 0, restored: 0, tooLate: 0, lost: [] as Loss[] }
  for (let partition = 0; partition < partitionCount; partition++) {
    const entries = await readOutbox(ports, partition)
    const gates = [...kept].filter(([id]) => partitionOf(id) === partition)
    const ids = new Set([...gates.map(([id]) => id), ...entries.map(entry => entry.envelopeId)])
    const rows = await startEpochs(ports, [...ids].sort(), { isRehearsal })
    sum.envelopes += rows.length

    const wins = chooseWins([...(await listHeld(ports, gates)), ...entries.map(asHeld)])
    const outcomes = await restore(ports, wins, { isRehearsal })
    const willOpen = new Set(rows.filter(({ state }) => state === 'funded').map(({ id }) => id))
    for (const [i, win] of wins.entries()) {
      const outcome = outcomes[i] as Restored
      const fate = judgeFate(win, outcome, { willOpen, isPlayerUnknown: ports.isPlayerUnknown })
      if (typeof fate === 'string') sum[fate]++
      else sum.lost.push(fate)
    }
    // Everything behind it is restored or listed; the gates that it could be marked in are out of force.
    const last = entries.at(-1)
    if (last && !isRehearsal) await ports.record.storeCursor(partition, identity, last.entryId, ports.nowMs())
  }
  return sum
}

async function readOutbox<T>({ gate }: RecoverPorts<T>, partition: number): Promise<OutboxEntry[]> {
  const entries: OutboxEntry[] = []
  for (let after = '0-0'; ; ) {
    const next = await gate.readOutbox(partition, after, { minAgeMs: 0, limit: page.entries })
    entries.push(...next)
    if (next.length < page.entries) return entries
    after = next.at(-1)?.entryId ?? after
  }
}

/**
 * Above PostgreSQL's epoch and above Redis', or a gate of before could pass for one of now. An envelope that the backup
 * has as still to open, and that Redis has a gate of, had been opened.
 */
async function startEpochs<T>(
  { record, gate, openEnvelopes }: RecoverPorts<T>,
  ids: readonly string[],
  { isRehearsal }: { isRehearsal: boolean },
): Promise<LockedEnvelope[]> {
  const rows: LockedEnvelope[] = []
  for (let start = 0; start < ids.length; start += page.envelopes) {
    const some = ids.slice(start, start + page.envelopes)
    const stored = new Map(await Promise.all(some.map(async id => [id, await gate.storedEpoch(id)] as const)))
    const inPlay = await record.transact(async tx => {
      const locked = await record.lockEnvelopes(tx, some)
      const open = locked.filter(({ state }) => ['funded', 'live', 'frozen'].includes(state))
      if (isRehearsal) return open
      const toOpen = open.filter(({ state }) => state === 'funded').map(({ id }) => id)
      if (toOpen.length > 0) await openEnvelopes(tx, toOpen)
      await record.startEpochs(tx, new Map(open.map(({ id }) => [id, stored.get(id) ?? 0])))
      return open
    })
    rows.push(...inPlay)
  }
  return rows
}

type Held = Reservation & { wasSettled: boolean }

const asHeld = ({ envelopeId, playerId, shareNo, epoch, entryId }: OutboxEntry): Held => ({
  ...{ envelopeId, playerId, shareNo, epoch, entryId },
  wasSettled: false,
})

async function listHeld<T>(
  { kept }: RecoverPorts<T>,
  gates: readonly (readonly [string, ReadonlySet<number>])[],
): Promise<Held[]> {
  const held: Held[] = []
  for (const [envelopeId, epochs] of gates) {
    for (const epoch of epochs) {
      const winners = await kept.listWinners(envelopeId, epoch)
      held.push(
        ...winners.map(({ isSettled, ...win }) => ({ ...win, envelopeId, epoch, wasSettled: isSettled })),
      )
    }
  }
  return held
}

const timeOf = ({ entryId }: Reservation): number => Number(entryId.split('-')[0])

/** One for each player and share, in the order in which they may have the shares. */
export function chooseWins(all: readonly Held[]): Held[] {
  const wins = new Map<string, Held>()
  for (const held of all) {
    const key = `${held.envelopeId} ${held.playerId} ${held.shareNo}`
    const known = wins.get(key)
    if (known === undefined) wins.set(key, held)
    else {
      // A gate that was loaded from the record knows the winner and not the moment; an older list may.
      const entryId = timeOf(known) === 0 ? held.entryId : known.entryId
      const epoch = Math.max(known.epoch, held.epoch)
      wins.set(key, { ...known, entryId, epoch, wasSettled: known.wasSettled || held.wasSettled })
    }
  }
  return [...wins.values()].sort(
    (a, b) => Number(b.wasSettled) - Number(a.wasSettled) || b.epoch - a.epoch || timeOf(a) - timeOf(b),
  )
}

/** A win is as old as its reservation, by Redis' time, where that is known. */
const claimedAtMs = (reservation: Reservation, nowMs: number): number => {
  const atMs = timeOf(reservation)
  return atMs === 0 ? nowMs : Math.min(atMs, nowMs)
}

async function restore<T>(
  ports: RecoverPorts<T>,
  wins: readonly Held[],
  { isRehearsal }: { isRehearsal: boolean },
): Promise<Restored[]> {
  const record = isRehearsal ? { ...ports.record, transact: rehearse(ports.record.transact) } : ports.record
  const silent = { reach: () => {}, onSettled: () => {} }
  return restoreReservations({ ...ports, ...silent, record }, wins, { claimedAtMs })
}

type Transact<T> = <V>(run: (tx: T) => Promise<V>) => Promise<V>

/** Does everything and takes it back. */
function rehearse<T>(transact: Transact<T>): Transact<T> {
  const takeBack = new Error('a rehearsal is taken back')
  return async <V>(run: (tx: T) => Promise<V>): Promise<V> => {
    let value: { is: V } | undefined
    try {
      await transact(async tx => {
        value = { is: await run(tx) }
        throw takeBack
      })
    } catch (error) {
      if (error !== takeBack || value === undefined) throw error
    }
    return (value as { is: V }).is
  }
}

type Fate = 'recorded' | 'restored' | 'tooLate' | Loss
type FateContext = { willOpen: ReadonlySet<string>; isPlayerUnknown: (fault: Error) => boolean }

/** What was only reserved and meets an ended envelope, or a claim of the same player, had lost its race before. */
function judgeFate(win: Held, outcome: Restored, { willOpen, isPlayerUnknown }: FateContext): Fate {
  const { envelopeId, playerId, shareNo, wasSettled } = win
  const reservedAtMs = timeOf(win) || undefined
  const lose = (reason: LossReason, detail?: string): Loss => ({
    ...{ envelopeId, playerId, shareNo, reservedAtMs, wasSettled, reason },
    ...(detail !== undefined && { detail }),
  })
  switch (outcome.status) {
    case 'settled':
    case 'duplicate':
      if (outcome.claim.shareNo === shareNo) return outcome.status === 'settled' ? 'restored' : 'recorded'
      return wasSettled ? lose('other_share', `share ${outcome.claim.shareNo} is on record`) : 'tooLate'
    case 'ended':
      return wasSettled ? lose('ended', outcome.reason) : 'tooLate'
    case 'conflict':
      return lose('share_taken')
    case 'banned':
      return lose('banned')
    case 'frozen':
      return lose('over_cap')
    case 'failed':
      return isPlayerUnknown(outcome.fault) ? lose('player_unknown') : lose('refused', outcome.fault.message)
    case 'unknown':
      return willOpen.has(envelopeId) ? 'restored' : lose('envelope_unknown')
  }
}
