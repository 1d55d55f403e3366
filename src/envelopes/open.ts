/** Opens what was hidden ahead of its time: the moment in the row decides, this only makes it visible. */
import type { Announcer } from '../realtime/announcer.ts'
import { toLiveEnvelope } from './envelope.ts'
import type { Transact } from '#platform/postgres.ts'
import type { EnvelopeRecord, Gates } from './ports.ts'

export type OpenPorts = {
  transact: Transact
  record: Pick<EnvelopeRecord, 'lockDueToOpen' | 'openEnvelopes' | 'listGuests'>
  announcer: Pick<Announcer, 'envelopeOpened'>
  gates: Gates
}

/** One batch; `more` when it was full. */
export async function openDue(
  { transact, record, announcer, gates }: OpenPorts,
  { nowMs, limit }: { nowMs: number; limit: number },
): Promise<{ more: boolean }> {
  const opened = await transact(async tx => {
    const due = await record.lockDueToOpen(tx, { nowMs, limit })
    if (due.length === 0) return []
    const ids = due.map(({ id }) => id)
    await record.openEnvelopes(tx, ids)
    const guests = await record.listGuests(tx, ids)
    return due.map(envelope => ({ envelope, guestIds: guests.get(envelope.id) ?? [] }))
  })
  for (const { envelope, guestIds } of opened) {
    gates.prepare(envelope)
    announcer.envelopeOpened(toLiveEnvelope(envelope, guestIds))
  }
  return { more: opened.length === limit }
}
