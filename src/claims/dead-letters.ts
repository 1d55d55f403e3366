/**
 * Dead letters, for the operator: what could not be settled for what it is, and settles once the cause is gone. A
 * replay is one transaction with everything it does, in which each attempt that PostgreSQL refuses is undone on its
 * own. What is answered for good leaves the list; the log of actions keeps that it was there.
 */
import type { Clock } from '#platform/clock.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { NoteAction } from '../operator/action.ts'
import { passBy } from './failpoints.ts'
import type { OutboxEntry } from './gate.ts'
import type { Claim } from './record.ts'
import { type Restored, restoreReservations } from './restore.ts'
import type { SettledBatch, SettlePorts } from './settle.ts'

export type DeadLetter = {
  id: string
  entry: OutboxEntry
  fault: string
  attempts: number
  buriedAtMs: number | undefined
  updatedAtMs: number
}

export type DeadLetterRecord = {
  /** Those named, or the oldest; locked. */
  lockLetters(
    tx: Tx,
    which: { ids?: readonly string[] | undefined; limit: number },
  ): Promise<Pick<DeadLetter, 'id' | 'entry'>[]>
  /** Notes another attempt, with its fault where there was one. */
  answerLetters(
    tx: Tx,
    answers: readonly { id: string; fault: string | undefined }[],
    nowMs: number,
  ): Promise<void>
  dropLetters(tx: Tx, ids: readonly string[]): Promise<void>
  countLetters(tx: Tx): Promise<number>
  /** Newest first, one more than the page. */
  listLetters(tx: Tx, page: PageRequest): Promise<DeadLetter[]>
}

export type ReplayPorts = {
  letters: DeadLetterRecord
  settle: Pick<SettlePorts<Tx>, 'record' | 'budgets' | 'isRowError' | 'winLimits'>
  /** Undoes what `run` did when it throws; the transaction goes on. */
  attempt: <V>(tx: Tx, run: (tx: Tx) => Promise<V>) => Promise<V>
  noteAction: NoteAction
  clock: Clock
}

export type Replay = {
  answers: readonly { id: string; restored: Restored }[]
  /** How many letters there are afterwards. */
  left: number
  /** To be told after the commit. */
  batches: readonly SettledBatch[]
}

const final: ReadonlySet<Restored['status']> = new Set(['settled', 'duplicate', 'ended'])

export async function replayDeadLetters(
  ports: ReplayPorts,
  tx: Tx,
  { ids, limit, reason }: { ids?: readonly string[] | undefined; limit: number; reason: string },
): Promise<Replay> {
  const { letters, settle, noteAction, clock } = ports
  const nowMs = clock.nowMs()
  const locked = await letters.lockLetters(tx, { ids, limit })
  const batches: SettledBatch[] = []
  const restored = await restoreReservations(
    {
      ...settle,
      record: { ...settle.record, transact: run => ports.attempt(tx, run) },
      nowMs: () => nowMs,
      reach: passBy,
      onSettled: batch => void batches.push(batch),
    },
    locked.map(({ entry }) => entry),
  )
  const answers = locked.map(({ id }, i) => ({ id, restored: restored[i] as Restored }))
  const answered = answers.filter(answer => final.has(answer.restored.status))
  const open = answers.filter(answer => !final.has(answer.restored.status))
  await letters.dropLetters(
    tx,
    answered.map(({ id }) => id),
  )
  await letters.answerLetters(
    tx,
    open.map(answer => ({ id: answer.id, fault: faultOf(answer.restored) })),
    nowMs,
  )
  const left = await letters.countLetters(tx)
  if (locked.length > 0) {
    const target = { letters: locked.map(({ id }) => id) }
    const [before, after] = [{ letters: left + answered.length }, { letters: left, ...countBy(restored) }]
    await noteAction(tx, { actor: 'operator', action: 'replay', target, reason, before, after, atMs: nowMs })
  }
  return { answers, left, batches }
}

/** Every claim that a replay made. */
export const claimsOf = ({ batches }: Replay): Claim[] => batches.flatMap(({ claims }) => [...claims])

export const faultOf = (restored: Restored): string | undefined =>
  restored.status === 'failed' ? restored.fault.message.slice(0, 500) : undefined

function countBy(restored: readonly Restored[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status } of restored) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
