/**
 * Those who come when every share of an envelope is reserved and not every one is settled. They wait together, not for
 * long once this server settles none of them any more, and share one reading of the row. For as long as the first of
 * them is told to stay away nobody else reaches for a share either, which would take a permit and give it back. Once
 * they have waited in vain, nobody else waits either until they come back, and then one does for all: who waits costs
 * the server about half as much again as who is sent away.
 */
import { LRUCache } from 'lru-cache'
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { groupBy } from '#platform/group.ts'
import { createRecent } from '#platform/recent.ts'
import type { ClaimGate, Held, ReserveRequest } from './gate.ts'
import { type Memory, shareWork } from './memory.ts'
import type { ClaimableEnvelope } from './record.ts'
import type { SettleQueue } from './settle-queue.ts'

export type Losers = {
  /** Every share is reserved: the gate has just said so, or somebody is told to stay away for it. */
  note(envelope: ClaimableEnvelope): void
  /** Whether that was noted lately, of this epoch. */
  isSpokenFor(envelope: ClaimableEnvelope): boolean
  /** What the player holds of it; those who ask together are looked up together. */
  findHeld(playerId: string, envelope: ClaimableEnvelope): Promise<Held>
  /** Others have just waited in vain for news of the last share. */
  isQuiet(envelope: ClaimableEnvelope): boolean
  /** The row, as it is once the last share may be settled. */
  hearOfLast(envelope: ClaimableEnvelope): Promise<ClaimableEnvelope | undefined>
  /** The row, as it is now. */
  reread(envelopeId: string): Promise<ClaimableEnvelope | undefined>
  /** The last share was settled here, so whoever waits for news of it need not wait any longer. */
  noteEnd(envelopeId: string): void
  /** No win of it is being settled here any more, so whoever waits need not wait much longer. */
  noteSettled(envelopeId: string): void
}

/** Of an epoch: until when nobody reaches for a share, and until when nobody waits for news. */
type Reserved = { epoch: number; untilMs: number; quietUntilMs: number }

export type LosersPorts = {
  gate: Pick<ClaimGate, 'findHeld'>
  memory: Pick<Memory, 'refresh'>
  queue: Pick<SettleQueue, 'isSettling'>
  clock: Clock
  /** How long they are told to stay away. */
  tryAgainAfterMs: number
}

/** The word comes soon where this server itself settles wins; of those of others nobody knows. */
const waitMs = { here: 400, elsewhere: 60 }
const envelopesRemembered = 1_000
const looking = { maxSize: 500, concurrency: 2 }

export function createLosers(ports: LosersPorts): Losers {
  const { gate, memory, queue, clock, tryAgainAfterMs } = ports
  const rereading = new Map<string, Promise<ClaimableEnvelope | undefined>>()
  const sleepers = createSleepers(clock)
  // Counted as sizes of one: with `max`, the cache would reserve the space of all entries when it is made.
  const reserved = new LRUCache<string, Reserved>({ maxSize: envelopesRemembered, sizeCalculation: () => 1 })
  const knownOf = ({ id, epoch }: ClaimableEnvelope): Reserved | undefined => {
    const known = reserved.get(id)
    return known?.epoch === epoch ? known : undefined
  }
  /** Those that ended here lately: a verdict from before is nothing to wait over. */
  const ended = createRecent<string>(envelopesRemembered)
  const look = createBatcher<ReserveRequest, Held>({
    ...looking,
    clock,
    run: requests => findAll(gate, requests),
  })

  const reread = (envelopeId: string, afterMs: number) =>
    shareWork(rereading, envelopeId, async () => {
      if (afterMs > 0) await sleepers.sleep(envelopeId, afterMs)
      return memory.refresh(envelopeId)
    })

  return {
    note(envelope) {
      const untilMs = clock.nowMs() + tryAgainAfterMs
      const known = knownOf(envelope)
      if (known !== undefined) known.untilMs = untilMs
      else reserved.set(envelope.id, { epoch: envelope.epoch, untilMs, quietUntilMs: 0 })
    },
    isSpokenFor: envelope => clock.nowMs() < (knownOf(envelope)?.untilMs ?? 0),
    findHeld: (playerId, { id: envelopeId, epoch }) => look({ envelopeId, playerId, epoch }),
    isQuiet: envelope =>
      clock.nowMs() < (knownOf(envelope)?.quietUntilMs ?? 0) &&
      !queue.isSettling(envelope.id) &&
      !ended.has(envelope.id),
    async hearOfLast(envelope) {
      const { id, epoch } = envelope
      const known = knownOf(envelope)
      const untilWordMs = ended.has(id) ? 0 : waitMs[queue.isSettling(id) ? 'here' : 'elsewhere']
      if (known !== undefined && known.quietUntilMs > 0) known.quietUntilMs = clock.nowMs() + untilWordMs
      const fresh = await reread(id, untilWordMs)
      const isAsBefore = fresh?.state === 'live' && fresh.epoch === epoch
      if (isAsBefore && known !== undefined) known.quietUntilMs = clock.nowMs() + tryAgainAfterMs
      return fresh
    },
    reread(envelopeId) {
      // Who sleeps reads now, for both.
      sleepers.wake(envelopeId)
      return reread(envelopeId, 0)
    },
    noteEnd(envelopeId) {
      ended.add(envelopeId)
      sleepers.wake(envelopeId)
    },
    noteSettled: envelopeId => sleepers.shorten(envelopeId, waitMs.elsewhere),
  }
}

/** One for each envelope at most. */
function createSleepers(clock: Clock) {
  const sleepers = new Map<string, { wake(): void; shorten(leftMs: number): void }>()
  return {
    sleep: (envelopeId: string, ms: number): Promise<void> =>
      new Promise(resolve => {
        const wake = () => {
          cancel()
          sleepers.delete(envelopeId)
          resolve()
        }
        let untilMs = clock.nowMs() + ms
        let cancel = clock.after(ms, wake)
        const shorten = (leftMs: number) => {
          if (clock.nowMs() + leftMs >= untilMs) return
          untilMs = clock.nowMs() + leftMs
          cancel()
          cancel = clock.after(leftMs, wake)
        }
        sleepers.set(envelopeId, { wake, shorten })
      }),
    wake: (envelopeId: string) => sleepers.get(envelopeId)?.wake(),
    /** It ends within this time, or when it would have anyway. */
    shorten: (envelopeId: string, leftMs: number) => sleepers.get(envelopeId)?.shorten(leftMs),
  }
}

/** In the order of the requests. */
async function findAll(gate: LosersPorts['gate'], requests: readonly ReserveRequest[]): Promise<Held[]> {
  const found = new Map<ReserveRequest, Held>()
  const groups = groupBy(requests, ({ envelopeId, epoch }) => `${envelopeId}:${epoch}`)
  const lookUp = async (group: readonly ReserveRequest[]) => {
    const [{ envelopeId, epoch }] = group as [ReserveRequest]
    const held = await gate.findHeld(
      envelopeId,
      epoch,
      group.map(({ playerId }) => playerId),
    )
    group.forEach((request, i) => found.set(request, held[i]))
  }
  await Promise.all([...groups.values()].map(lookUp))
  return requests.map(request => found.get(request))
}
