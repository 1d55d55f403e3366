/**
 * The envelopes of campaigns by the hundred: opened when their drop is live, extended with their campaign, closed when
 * the drop is undone or the campaign ended. Those near are told by cell, not by envelope: 50,000 messages would flood
 * whoever listens.
 */
import type { Transact, Tx } from '#platform/postgres.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { endLocked, type EndPorts, takeEndable } from './end.ts'
import type { Envelope } from './envelope.ts'
import { isVisible } from './state.ts'

/** Those of a campaign, or of one of its drops. */
export type OfCampaign = { campaignId: string; dropId?: string }

/** The last envelope that was closed, in the order in which they are. */
export type LastClosed = Pick<Envelope, 'createdAtMs' | 'id'>

export type DroppedRecord = {
  /** Locks some that are still to end, the oldest first, behind one of them; rows that others hold are left to them. */
  lockOfCampaign(
    tx: Tx,
    which: OfCampaign & { after: LastClosed | undefined; limit: number },
  ): Promise<Envelope[]>
  /** How many have not ended, frozen ones among them. */
  countOfCampaign(tx: Tx, which: OfCampaign): Promise<number>
  /** Locks some that are still to open, in order of id, behind one of them. */
  lockDropped(tx: Tx, which: { dropId: string; after: string | undefined; limit: number }): Promise<string[]>
  openEnvelopes(tx: Tx, ids: readonly string[]): Promise<void>
  /** Locks some that expire before a time; rows that others hold are left to them. */
  lockToExtend(tx: Tx, which: { dropId: string; toMs: number; limit: number }): Promise<string[]>
  countToExtend(tx: Tx, which: { dropId: string; toMs: number }): Promise<number>
  extendEnvelopes(tx: Tx, ids: readonly string[], toMs: number): Promise<void>
  listCellsOfDrop(tx: Tx, dropId: string): Promise<Cell[]>
}

export type DroppedPorts = Pick<EndPorts, 'giveBackCoupons'> & {
  transact: Transact
  record: DroppedRecord & EndPorts['record']
  ledger: EndPorts['ledger']
  announcer: Pick<Announcer, 'cellsChanged'>
}

export const batchSize = 500

/** Closes some behind one of them; the last that it closed. What was reserved and not settled is refused as ended. */
export async function closeSome(
  ports: DroppedPorts,
  which: OfCampaign & { after: LastClosed | undefined; nowMs: number },
): Promise<LastClosed | undefined> {
  const { transact, record, announcer } = ports
  const closed = await transact(async tx => {
    const envelopes = takeEndable(await record.lockOfCampaign(tx, { ...which, limit: batchSize }))
    await endLocked(ports, tx, envelopes, { state: 'closed', nowMs: which.nowMs })
    return envelopes
  })
  const seen = closed.filter(({ state }) => isVisible(state))
  announcer.cellsChanged([...new Set(seen.map(({ cell }) => coarsen(cell, 7)))])
  return closed.at(-1)
}

/** Opens some of a drop, in order of id, behind one of them; the last that it opened. */
export async function openSome(
  { transact, record }: Pick<DroppedPorts, 'transact' | 'record'>,
  which: { dropId: string; after: string | undefined },
): Promise<string | undefined> {
  return transact(async tx => {
    const ids = await record.lockDropped(tx, { ...which, limit: batchSize })
    if (ids.length > 0) await record.openEnvelopes(tx, ids)
    return ids.at(-1)
  })
}

/** Lets some of a drop expire later; how many. */
export async function extendSome(
  { transact, record }: Pick<DroppedPorts, 'transact' | 'record'>,
  which: { dropId: string; toMs: number },
): Promise<number> {
  return transact(async tx => {
    const ids = await record.lockToExtend(tx, { ...which, limit: batchSize })
    if (ids.length > 0) await record.extendEnvelopes(tx, ids, which.toMs)
    return ids.length
  })
}
