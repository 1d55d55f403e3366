/**
 * Rebuild: fill gates from PostgreSQL under new epochs. Needed on the first claim or ahead of it, after Redis lost or
 * rolled back something, and when its counts contradict the record. One at a time per envelope, everywhere; those that
 * are needed together are filled together, because a place that opens has many.
 */
import { groupBy } from '#platform/group.ts'
import type { Reach } from './failpoints.ts'
import type { ClaimGate, GateLoad } from './gate.ts'
import type { ClaimRecord, LockedEnvelope } from './record.ts'

export type RebuildPorts<T> = {
  record: ClaimRecord<T>
  gate: ClaimGate
  reach: Reach
  /** A gate was filled. */
  onRebuilt?: (() => void) | undefined
}

/**
 * `badEpoch` is the epoch that the caller found wrong: where the row and Redis agree on a later one, another server has
 * rebuilt meanwhile and nothing is done.
 */
export type Wanted = { envelopeId: string; badEpoch: number | undefined }

/** `busy`: another server has its lock. `postponed`: it would have been too much at once, and others are filled. */
export type Rebuilt = 'loaded' | 'busy' | 'postponed' | 'not_live' | 'done_by_another' | { fault: unknown }

export const rebuildLimits = {
  /** Envelopes that are filled together. */
  envelopes: 32,
  /** Shares that are read for them; what is beyond takes the next turn. The largest envelope goes alone. */
  shares: 20_000,
} as const

/**
 * In the order of what is wanted; each envelope once. The advisory locks are held until the loads are complete; the row
 * locks are not, because a settlement that runs meanwhile is fenced by the new epoch. One gate that Redis refuses is
 * that envelope's fault alone.
 */
export async function rebuildGates<T>(ports: RebuildPorts<T>, wanted: readonly Wanted[]): Promise<Rebuilt[]> {
  const { record, gate, reach } = ports
  const badEpochs = new Map(wanted.map(({ envelopeId, badEpoch }) => [envelopeId, badEpoch]))
  const outcomes = await record.withLocks('rebuild', [...badEpochs.keys()], async held => {
    const { stored, unread } = await readEpochs(gate, held)
    if (stored.size === 0) return unread
    const { loads, rest } = await record.transact(async tx => {
      const rows = await record.lockEnvelopes(tx, [...stored.keys()])
      const judged = judgeAll({ rows, stored, badEpochs })
      return { rest: judged.rest, loads: await readLoads(record, tx, { rows: judged.due, stored }) }
    })
    if (loads.length > 0) reach('rebuild-between-bump-and-load')
    const loaded = loads.map(async load => {
      const outcome = await fill(ports, load, stored.get(load.envelopeId))
      return [load.envelopeId, outcome] as const
    })
    return new Map([...unread, ...rest, ...(await Promise.all(loaded))])
  })
  return wanted.map(({ envelopeId }) => outcomes.get(envelopeId) ?? 'busy')
}

/** One alone; throws where Redis refuses it. */
export async function rebuildGate<T>(
  ports: RebuildPorts<T>,
  wanted: Wanted,
): Promise<Exclude<Rebuilt, { fault: unknown }>> {
  const [outcome = 'busy'] = await rebuildGates(ports, [wanted])
  if (typeof outcome === 'object') throw outcome.fault
  return outcome
}

/** What Redis holds now, and of which it would not say. */
async function readEpochs(gate: ClaimGate, ids: readonly string[]) {
  const stored = new Map<string, number | undefined>()
  const unread = new Map<string, Rebuilt>()
  const read = async (id: string) => {
    try {
      stored.set(id, await gate.storedEpoch(id))
    } catch (fault) {
      unread.set(id, { fault })
    }
  }
  await Promise.all(ids.map(read))
  return { stored, unread }
}

type Situation = {
  rows: readonly LockedEnvelope[]
  stored: ReadonlyMap<string, number | undefined>
  badEpochs: ReadonlyMap<string, number | undefined>
}

/** What is to be filled now, and what becomes of the others. */
function judgeAll({ rows, stored, badEpochs }: Situation) {
  const rest = new Map<string, Rebuilt>([...stored.keys()].map(id => [id, 'not_live']))
  const due: LockedEnvelope[] = []
  let shares = 0
  for (const row of rows) {
    if (row.state !== 'live') continue
    const { id, epoch, shareCount } = row
    if (stored.get(id) === epoch && epoch !== badEpochs.get(id)) rest.set(id, 'done_by_another')
    else if (due.length > 0 && shares + shareCount > rebuildLimits.shares) rest.set(id, 'postponed')
    else {
      due.push(row)
      shares += shareCount
    }
  }
  return { due, rest }
}

type Due = Pick<Situation, 'rows' | 'stored'>

async function readLoads<T>(record: ClaimRecord<T>, tx: T, { rows, stored }: Due): Promise<GateLoad[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const epochs = await record.startEpochs(tx, new Map(ids.map(id => [id, stored.get(id) ?? 0])))
  // Statements of their own, after the locks: they see every settlement that committed before those.
  const freeShares = await record.listFreeShares(tx, ids)
  const winners = groupBy(await record.listWinningShares(tx, ids), ({ envelopeId }) => envelopeId)
  return rows.map(({ id, shareCount, opensAtMs, expiresAtMs }) => ({
    ...{ envelopeId: id, epoch: epochs.get(id) as number, shareCount, opensAtMs, expiresAtMs },
    ...{ freeShares: freeShares.get(id) ?? [], winners: winners.get(id) ?? [] },
  }))
}

async function fill<T>(
  { gate, onRebuilt }: RebuildPorts<T>,
  load: GateLoad,
  stored: number | undefined,
): Promise<Rebuilt> {
  try {
    const isInForce = await gate.load(load, stored)
    if (isInForce) onRebuilt?.()
    return isInForce ? 'loaded' : 'done_by_another'
  } catch (fault) {
    return { fault }
  }
}
