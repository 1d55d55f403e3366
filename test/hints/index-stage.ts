/** A live index over a record and a feed that the test holds in its hands. */
import type { EndReason } from '../../src/realtime/announcer.ts'
import { type Cell, coarsen, locateCell } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import { createLiveIndex } from '../../src/hints/live-index.ts'
import { createManualClock } from '../realtime/manual-clock.ts'

export const square: Point = { lat: 31.2304, lng: 121.4737 }

let lastId = 0
export function envelopeAt(point: Point, more: Partial<LiveEnvelope> = {}): LiveEnvelope {
  const cell = locateCell(point)
  return {
    id: `e${++lastId}`,
    cell10: coarsen(cell, 10),
    cell7: coarsen(cell, 7),
    kind: 'player',
    hiderId: 'hider',
    audience: 'anyone',
    ...more,
  }
}

export function createIndexStage() {
  const clock = createManualClock()
  const live = new Map<string, LiveEnvelope>()
  const ended = new Map<string, EndReason>()
  const followed = new Set<Cell>()
  const calls: string[] = []
  const warnings: unknown[] = []
  /** Set to hold reads of the record after they have seen it. */
  const gate = { beforeAnswer: () => Promise.resolve(), isDown: false }

  const index = createLiveIndex({
    clock,
    log: { warn: (...args: unknown[]) => void warnings.push(args) },
    feed: {
      async follow(cells7) {
        calls.push('follow')
        for (const cell7 of cells7) followed.add(cell7)
      },
      unfollow: cells7 => cells7.forEach(cell7 => followed.delete(cell7)),
    },
    async loadEnvelopes(cells7) {
      calls.push('load')
      if (gate.isDown) throw new Error('the record is down')
      const seen = [...live.values()].filter(({ cell7 }) => cells7.includes(cell7))
      await gate.beforeAnswer()
      return seen
    },
    async findEnds(ids) {
      const seen = new Map(ids.flatMap(id => (ended.has(id) ? [[id, ended.get(id) as EndReason]] : [])))
      await gate.beforeAnswer()
      return seen
    },
  })

  return {
    clock,
    index,
    followed,
    calls,
    warnings,
    gate,
    /** Changes the record only: the message is another matter. */
    open(envelope: LiveEnvelope) {
      live.set(envelope.id, envelope)
      ended.delete(envelope.id)
      return { type: 'opened' as const, envelope }
    },
    end({ id, cell7 }: LiveEnvelope, reason: EndReason = 'closed') {
      live.delete(id)
      ended.set(id, reason)
      return { type: 'ended' as const, id, cell7, reason }
    },
    idsAt: (cell10: Cell) => index.envelopesAt(cell10).map(({ id }) => id),
    liveIds: () => [...live.keys()],
  }
}
