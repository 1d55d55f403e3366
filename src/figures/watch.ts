/**
 * Watches campaigns for whoever wants to see their figures change: one reading of a campaign at a tick, however many
 * look on, and none when nothing was heard of. What was missed, and what nobody announces (expiry, a pause), is there
 * with the next reading that comes anyway, after five seconds. A large campaign is read less often than that: the pause
 * after a reading is ten times as long as the reading was, so that none takes more than a tenth of a connection.
 */
import type { Logger } from 'pino'
import type { Cancel, Clock } from '#platform/clock.ts'
import { inNameOf } from '#platform/tenant.ts'
import type { ReadFigures } from './read.ts'
import type { FiguresChannel } from './redis.ts'
import type { Reading } from './view.ts'

export type WatchPorts = {
  read: ReadFigures
  channel: Omit<FiguresChannel, 'announce'>
  clock: Clock
  log: Pick<Logger, 'warn'>
  pace: { tickMs: number; rereadMs: number }
}

export type FiguresWatch = {
  /** Calls `look` after every reading from now on; what it returns ends that. */
  watch(campaign: WatchedCampaign, look: (reading: Reading) => void): Cancel
}

export type WatchedCampaign = { campaignId: string; merchantId: string }

type Watched = {
  merchantId: string
  looks: Set<(reading: Reading) => void>
  phase: 'idle' | 'reading' | 'resting'
  /** Something has changed since the last reading began. */
  isDue: boolean
  cancel: Cancel
}

const restFactor = 10

export function createFiguresWatch(ports: WatchPorts): FiguresWatch {
  const { read, channel, clock, log, pace } = ports
  const all = new Map<string, Watched>()

  async function readNow(campaignId: string, watched: Watched): Promise<void> {
    Object.assign(watched, { phase: 'reading', isDue: false })
    const beganMs = clock.nowMs()
    try {
      // Whoever began to look is long answered: the name of their request ended with it.
      const reading = await inNameOf({ tenantId: watched.merchantId }, () => read(campaignId))
      if (reading !== undefined) watched.looks.forEach(look => look(reading))
    } catch (error) {
      log.warn({ err: error, campaignId }, 'figures could not be read')
    }
    if (all.get(campaignId) !== watched) return
    watched.phase = 'resting'
    const restMs = Math.max(pace.tickMs, restFactor * (clock.nowMs() - beganMs))
    watched.cancel = clock.after(restMs, () => rested(campaignId, watched))
  }

  function rested(campaignId: string, watched: Watched): void {
    if (watched.isDue) return void readNow(campaignId, watched)
    watched.phase = 'idle'
    const waitMs = Math.max(0, pace.rereadMs - pace.tickMs)
    watched.cancel = clock.after(waitMs, () => void readNow(campaignId, watched))
  }

  function note(campaignId: string): void {
    const watched = all.get(campaignId)
    if (watched === undefined) return
    watched.isDue = true
    if (watched.phase !== 'idle') return
    watched.cancel()
    void readNow(campaignId, watched)
  }

  channel.listen({ onChanged: note, onRestored: () => [...all.keys()].forEach(note) })

  function begin({ campaignId, merchantId }: WatchedCampaign): Watched {
    const idle = { phase: 'idle' as const, isDue: false, cancel: () => {} }
    const watched: Watched = { merchantId, looks: new Set(), ...idle }
    all.set(campaignId, watched)
    channel.follow(campaignId)
    watched.cancel = clock.after(pace.tickMs, () => void readNow(campaignId, watched))
    return watched
  }

  return {
    watch(campaign, look) {
      const { campaignId } = campaign
      const watched = all.get(campaignId) ?? begin(campaign)
      watched.looks.add(look)
      return () => {
        if (!watched.looks.delete(look) || watched.looks.size > 0) return
        watched.cancel()
        all.delete(campaignId)
        channel.unfollow(campaignId)
      }
    },
  }
}
