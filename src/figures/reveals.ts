/**
 * Counts reveals for the funnel, off their way: a reveal touches memory only, and every few seconds one statement adds
 * what was counted. Everything is bounded. A player who looks at an envelope again, as an AR client does each minute, is
 * one who was shown it, as long as the server remembers the pair. A server that dies takes some seconds of it along:
 * the funnel is a figure for marketing, and nothing is paid by it.
 */
import type { Logger } from 'pino'
import { LRUCache } from 'lru-cache'
import type { Clock } from '#platform/clock.ts'
import type { RevealCount } from './ports.ts'

export type Reveal = { envelopeId: string; playerId: string; campaignId: string | undefined }

export type RevealCounter = {
  note(reveal: Reveal): void
  /** Resolves when what was counted is on record, or was given up. */
  flush(): Promise<void>
}

export type RevealCounterPorts = {
  add(counts: readonly RevealCount[]): Promise<void>
  clock: Clock
  log: Pick<Logger, 'warn'>
  /** Shorter in tests. */
  everyMs?: number
}

const remembered = 50_000
const most = 5_000
const flushEveryMs = 2_000
const quarterMs = 900_000

export function createRevealCounter({
  add,
  clock,
  log,
  everyMs = flushEveryMs,
}: RevealCounterPorts): RevealCounter {
  const seen = new LRUCache<string, true>({ max: remembered })
  let counts = new Map<string, RevealCount>()
  let isDue = false
  let underWay: Promise<void> = Promise.resolve()

  function count({ campaignId, quarterMs, reveals }: RevealCount): void {
    const key = `${campaignId}:${quarterMs}`
    const known = counts.get(key)
    if (known !== undefined) known.reveals += reveals
    else if (counts.size < most) counts.set(key, { campaignId, quarterMs, reveals })
  }

  async function store(): Promise<void> {
    const taken = [...counts.values()]
    counts = new Map()
    if (taken.length === 0) return
    try {
      await add(taken)
    } catch (error) {
      log.warn({ err: error }, 'reveals wait to be counted')
      taken.forEach(count)
      storeSoon()
    }
  }

  const flush = () => (underWay = underWay.then(store))

  function storeSoon(): void {
    if (isDue) return
    isDue = true
    clock.after(everyMs, () => {
      isDue = false
      void flush()
    })
  }

  return {
    flush,
    note({ envelopeId, playerId, campaignId }) {
      const pair = `${envelopeId}:${playerId}`
      if (campaignId === undefined || seen.has(pair)) return
      seen.set(pair, true)
      count({ campaignId, quarterMs: Math.floor(clock.nowMs() / quarterMs) * quarterMs, reveals: 1 })
      storeSoon()
    },
  }
}
