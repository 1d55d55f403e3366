/**
 * The streams of this server: how many a key may have, and that none outlives its key. Every 1.5 s one query asks which
 * of their keys still live; where nobody can say, the streams end, too, and clients come back when somebody can.
 */
import type { Cancel, Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { ReadFigures } from './read.ts'
import { createStream, type Goodbye, type Stream } from './stream.ts'
import type { FiguresWatch, WatchedCampaign } from './watch.ts'

export type StreamsPorts = {
  read: ReadFigures
  watch: FiguresWatch
  /** Those of these API keys that are not revoked. */
  listLiveKeys(keyIds: readonly string[]): Promise<readonly string[]>
  clock: Clock
  pace: { heartbeatMs: number; slowReaderMs: number; checkKeysMs: number }
  most: { perKey: number; perServer: number }
}

export type Streams = {
  /** Of a campaign whose merchant has the key. Refusals: `too_many_requests`; `unavailable` while the server stops. */
  open(
    request: WatchedCampaign & { keyId: string; lastEventId: string | undefined },
  ): Promise<{ status: 'open'; stream: Stream } | Refusal>
  /** Says goodbye to all; from then on nobody comes in. */
  close(): void
}

type Slot = { keyId: string; stream: Stream | undefined }

/** Together with the turn before it, and a second for the goodbye, less than the five that a revoked key has. */
const answerWithinMs = 2_000
const comeBackMs = 5_000
const stopping = refuse('unavailable', { retryAfterMs: 1_000 })

export function createStreams(ports: StreamsPorts): Streams {
  const { read, watch, clock, pace, most } = ports
  const slots = new Set<Slot>()
  const keys = keepKeys(ports, slots)
  let isClosed = false

  const isFull = (keyId: string) =>
    slots.size >= most.perServer || [...slots].filter(slot => slot.keyId === keyId).length >= most.perKey

  return {
    async open({ keyId, lastEventId, ...campaign }) {
      if (isClosed) return stopping
      if (isFull(keyId)) return refuse('too_many_requests', { retryAfterMs: comeBackMs })
      const slot: Slot = { keyId, stream: undefined }
      slots.add(slot)
      // Followed first and read then: nothing falls between the two.
      const unwatch = watch.watch(campaign, reading => slot.stream?.show(reading))
      const onOver = () => {
        unwatch()
        slots.delete(slot)
      }
      try {
        const first = await read(campaign.campaignId)
        if (first === undefined || isClosed) {
          onOver()
          return isClosed ? stopping : refuse('not_found')
        }
        const stream = createStream({ first, lastEventId, clock, pace, onOver })
        slot.stream = stream
        keys.check()
        return { status: 'open', stream }
      } catch (error) {
        onOver()
        throw error
      }
    },
    close() {
      isClosed = true
      keys.stop()
      endAll(slots, 'server_stops')
    },
  }
}

const endAll = (slots: ReadonlySet<Slot>, reason: Goodbye): void =>
  [...slots].forEach(({ stream }) => stream?.end(reason))

/** Looks after the keys as long as there is a stream. */
function keepKeys({ listLiveKeys, clock, pace }: StreamsPorts, slots: ReadonlySet<Slot>) {
  let isRunning = false
  let cancel: Cancel = () => {}

  function askAgain(): void {
    isRunning = slots.size > 0
    if (isRunning) cancel = clock.after(pace.checkKeysMs, () => void ask())
  }

  async function ask(): Promise<void> {
    const ids = [...new Set([...slots].map(({ keyId }) => keyId))]
    const silence = clock.sleep(answerWithinMs).then(() => undefined)
    const live = await Promise.race([listLiveKeys(ids).catch(() => undefined), silence])
    if (live === undefined) endAll(slots, 'unavailable')
    const revoked = ids.filter(id => live !== undefined && !live.includes(id))
    for (const { keyId, stream } of [...slots]) if (revoked.includes(keyId)) stream?.end('key_revoked')
    askAgain()
  }

  return {
    check: () => void (isRunning || askAgain()),
    stop: () => cancel(),
  }
}
