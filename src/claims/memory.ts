/**
 * What one server remembers of envelopes, so that a rush does not ask PostgreSQL the same thing a thousand times: the
 * rows of envelopes in play, the wins that were settled here, and, for envelopes that ended, who won. A win and "ended"
 * are final, so that memory is never wrong; a row in play is read again whenever the gate disagrees with it.
 */
import { LRUCache } from 'lru-cache'
import type { Awaitable } from '#platform/awaitable.ts'
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import type { EndedState } from '../envelopes/state.ts'
import type { Claim, ClaimableEnvelope, ClaimRecord } from './record.ts'

export const memoryLimits = {
  envelopes: 50_000,
  /** How long "there is no such envelope" is believed: ids are random, so nobody waits for one to appear. */
  unknownMs: 1_000,
  /** A row in play is read again after this long, whatever the gate says: state moves without claims, too. */
  envelopeMs: 10_000,
  endedBytes: 64 * 2 ** 20,
  bytesPerWinner: 300,
  wins: 20_000,
  lookups: 500,
}

export type Ended = { reason: EndedState; winners: ReadonlyMap<string, Claim> }

export type Memory = {
  /** The row as this server knows it, at once if it does. */
  envelope(id: string): Awaitable<ClaimableEnvelope | undefined>
  /** Reads the row again; callers that arrive together share one reading. */
  refresh(id: string): Promise<ClaimableEnvelope | undefined>
  /** What is known to have ended, without asking anybody. */
  ended(id: string): Ended | undefined
  /** Keeps that an envelope has ended, with its winners as they are on record. */
  rememberEnd(id: string, reason: EndedState): Promise<Ended>
  /** The player's win, if this server knows of one, without asking anybody. */
  win(envelopeId: string, playerId: string): Claim | undefined
  /** Keeps a claim that is on record. */
  rememberWin(claim: Claim): void
  /** The player's own claim on record. */
  ownClaim(envelopeId: string, playerId: string): Promise<Claim | undefined>
}

export type MemoryPorts = {
  record: Pick<ClaimRecord<unknown>, 'findEnvelopes' | 'findClaims' | 'listWinners'>
  clock: Pick<Clock, 'nowMs' | 'atTurnEnd'>
  /** Called once when this server learns that an envelope has ended. */
  onEnd: (envelopeId: string) => void
}

export function createMemory({ record, clock, onEnd }: MemoryPorts): Memory {
  // Entries age by our clock, asked at every look: the cache would keep a timer of its own.
  const ageing = { perf: { now: () => clock.nowMs() }, ttlResolution: 0 }
  // Counted as sizes of one: with `max`, the cache would reserve the space of all entries when it is made.
  const counted = { maxSize: memoryLimits.envelopes, sizeCalculation: () => 1 }
  const envelopes = new LRUCache<string, ClaimableEnvelope>({
    ...counted,
    ttl: memoryLimits.envelopeMs,
    ...ageing,
  })
  const unknown = new LRUCache<string, true>({ ...counted, ttl: memoryLimits.unknownMs, ...ageing })
  const endings = new LRUCache<string, Ended>({
    maxSize: memoryLimits.endedBytes,
    sizeCalculation: ({ winners }) => memoryLimits.bytesPerWinner * (winners.size + 1),
  })
  const wins = new LRUCache<string, Claim>({ maxSize: memoryLimits.wins, sizeCalculation: () => 1 })
  const reading = new Map<string, Promise<ClaimableEnvelope | undefined>>()
  const loading = new Map<string, Promise<Ended>>()

  const findEnvelope = createBatcher<string, ClaimableEnvelope | undefined>({
    ...{ maxSize: memoryLimits.lookups, concurrency: 2, clock },
    run: async ids => {
      const found = new Map((await record.findEnvelopes(ids)).map(e => [e.id, e]))
      return ids.map(id => found.get(id))
    },
  })
  const findClaim = createBatcher<{ envelopeId: string; playerId: string }, Claim | undefined>({
    ...{ maxSize: memoryLimits.lookups, concurrency: 2, clock },
    run: async pairs => {
      const found = new Map((await record.findClaims(pairs)).map(c => [`${c.envelopeId}:${c.playerId}`, c]))
      return pairs.map(p => found.get(`${p.envelopeId}:${p.playerId}`))
    },
  })

  async function read(id: string): Promise<ClaimableEnvelope | undefined> {
    const envelope = await findEnvelope(id)
    if (envelope === undefined) unknown.set(id, true)
    else envelopes.set(id, envelope)
    return envelope
  }

  const refresh = (id: string) => shareWork(reading, id, () => read(id))

  return {
    refresh,
    envelope: id => envelopes.get(id) ?? (unknown.has(id) ? undefined : refresh(id)),
    ended: id => endings.get(id),
    rememberEnd: (id, reason) =>
      shareWork(loading, id, async () => {
        const known = endings.get(id)
        if (known !== undefined) return known
        const winners = new Map((await record.listWinners(id)).map(c => [c.playerId, c]))
        const ended = { reason, winners }
        endings.set(id, ended)
        onEnd(id)
        return ended
      }),
    win: (envelopeId, playerId) => wins.get(`${envelopeId}:${playerId}`),
    rememberWin: claim => void wins.set(`${claim.envelopeId}:${claim.playerId}`, claim),
    ownClaim: async (envelopeId, playerId) =>
      wins.get(`${envelopeId}:${playerId}`) ?? findClaim({ envelopeId, playerId }),
  }
}

/** One piece of work a key at a time: whoever arrives meanwhile waits for the same result. */
export function shareWork<V>(
  underWay: Map<string, Promise<V>>,
  key: string,
  work: () => Promise<V>,
): Promise<V> {
  const known = underWay.get(key)
  if (known !== undefined) return known
  const promise = work().finally(() => underWay.delete(key))
  underWay.set(key, promise)
  return promise
}
