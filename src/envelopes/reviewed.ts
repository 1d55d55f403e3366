/** What becomes of an envelope when what is written on it is judged: the text comes or goes, the game goes on. */
import { hasOpened, toLiveEnvelope } from './envelope.ts'
import type { Announcer } from '../realtime/announcer.ts'
import type { Subject } from '../reviews/subject.ts'
import type { EnvelopeRecord } from './ports.ts'

export type ReviewedPorts = {
  record: Pick<EnvelopeRecord, 'lockEnvelope' | 'showText' | 'listGuests' | 'isGuest'>
  announcer: Pick<Announcer, 'envelopeOpened'>
  clock: { nowMs(): number }
}

export const createReviewedEnvelopes = ({ record, announcer, clock }: ReviewedPorts): Subject => ({
  async lock(tx, { id, readerId }) {
    const envelope = await record.lockEnvelope(tx, id)
    if (envelope === undefined || !envelope.showsText || !hasOpened(envelope, clock.nowMs())) return false
    if (envelope.audience !== 'players' || readerId === undefined) return true
    return record.isGuest(tx, { envelopeId: id, playerId: readerId })
  },

  async become(tx, { id, fate }) {
    const envelope = await record.lockEnvelope(tx, id)
    const showsText = fate === 'shown'
    if (envelope === undefined || envelope.showsText === showsText) return () => {}
    await record.showText(tx, id, showsText)
    if (envelope.state !== 'live') return () => {}
    const guests = await record.listGuests(tx, [id])
    const live = toLiveEnvelope({ ...envelope, showsText }, guests.get(id) ?? [])
    return () => announcer.envelopeOpened(live)
  },
})
