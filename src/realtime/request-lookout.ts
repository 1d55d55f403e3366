/**
 * What a session sees of service requests, once it watches them: the difference between what the client was told and
 * what is near by now, on the tick like hints and fifteen at a time, so that the longest texts of a full list never
 * leave at once. A session that does not watch costs nothing here.
 */
import { createRecent } from '#platform/recent.ts'
import type { RequestItem } from '#protocol/rest/service-requests.ts'
import type { Unnumbered } from '#protocol/ws/server.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import { zoneOf } from '../hints/zone.ts'
import { describeNear } from '../requests/around.ts'
import type { Nearby, NearRequest } from '../requests/nearby.ts'
import type { Crowd } from './crowd.ts'
import type { Line } from './line.ts'
import type { Ticker, Ticking } from './ticker.ts'

export type RequestLookoutPorts = {
  nearby: Pick<Nearby, 'listAt' | 'select'>
  /** Who stands in which res-9 cell. */
  requestCrowd: Crowd
  ticker: Ticker
}

export type Watching = { category?: RequestItem['category'] }

export type RequestLookout = {
  /** From now on, or not any more: then nothing is told, and the client forgets what it was told. */
  watch(watching: Watching | undefined): void
  watching(): Watching | undefined
  place(cell: Cell): void
  pause(isPaused: boolean): void
  wake(): void
  end(): void
}

const PER_TICK = 15
const ZONES_REMEMBERED = 500

type RequestView = {
  /** The frames from what the client knows towards what is near; whether that was all. */
  update(near: readonly NearRequest[]): { frames: Unnumbered[]; isComplete: boolean }
}

type Told = { version: number; withinM: number }

/** What one client was told, from one `watch` to the next. */
function createRequestView(): RequestView {
  const told = new Map<string, Told>()
  const zonesSent = createRecent<Cell>(ZONES_REMEMBERED)

  function isNews({ request: { id, version }, withinM }: NearRequest): boolean {
    const before = told.get(id)
    return before === undefined || before.version !== version || before.withinM !== withinM
  }

  function tell(near: NearRequest): Unnumbered {
    const { id, version, cell9 } = near.request
    const type = told.has(id) ? 'request.changed' : 'request.opened'
    told.set(id, { version, withinM: near.withinM })
    const zone = zonesSent.has(cell9) ? undefined : zoneOf(cell9)
    zonesSent.add(cell9)
    return { type, ...describeNear(near), ...(zone !== undefined && { zone }) }
  }

  return {
    update(near) {
      const ids = new Set(near.map(({ request }) => request.id))
      const gone = [...told.keys()].filter(id => !ids.has(id))
      for (const id of gone) told.delete(id)
      const news = near.filter(isNews)
      const frames = [
        ...gone.map(id => ({ type: 'request.gone' as const, serviceRequestId: id })),
        ...news.slice(0, PER_TICK).map(tell),
      ]
      return { frames, isComplete: news.length <= PER_TICK }
    },
  }
}

type Watcher = { playerId: string; line: Line; tickMs: number }

export const createRequestLookout = (watcher: Watcher, ports: RequestLookoutPorts): RequestLookout =>
  new PlayerRequestLookout(watcher, ports)

/** A class, as there is one for each session. */
class PlayerRequestLookout implements RequestLookout, Ticking {
  readonly tickMs: number
  private readonly playerId: string
  private readonly line: Line
  private readonly ports: RequestLookoutPorts
  private wanted: Watching | undefined
  /** Of who watches. */
  private view: RequestView | undefined
  private cell9: Cell | undefined
  private isPaused = false
  private isEnded = false
  /** What the client was brought to last; undefined when it has to be looked at again whatever it is. */
  private toldList: readonly NearRequest[] | undefined

  constructor({ playerId, line, tickMs }: Watcher, ports: RequestLookoutPorts) {
    this.tickMs = tickMs
    this.playerId = playerId
    this.line = line
    this.ports = ports
  }

  tick(): boolean {
    const { wanted, view, cell9, line } = this
    if (wanted === undefined || view === undefined || cell9 === undefined) return false
    if (this.isPaused || !line.isOpen()) return false
    if (line.isCongested()) return true
    const { nearby } = this.ports
    const list = nearby.listAt(cell9, wanted.category)
    // Whoever has to wait for the loading is told of it by the crowd.
    if (list === undefined || list === this.toldList) return false
    const { frames, isComplete } = view.update(nearby.select(this.playerId, list))
    line.hold()
    for (const frame of frames) line.send(frame)
    this.toldList = isComplete ? list : undefined
    return !isComplete
  }

  pack(): number {
    return this.line.pack()
  }

  send(): void {
    this.line.release()
  }

  watch(watching: Watching | undefined): void {
    this.wanted = watching
    this.view = watching && createRequestView()
    this.toldList = undefined
    if (watching === undefined) this.ports.requestCrowd.leave(this)
    else this.follow()
  }

  watching(): Watching | undefined {
    return this.wanted
  }

  place(cell: Cell): void {
    this.cell9 = coarsen(cell, 9)
    this.follow()
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused
  }

  wake(): void {
    this.follow()
  }

  end(): void {
    this.isEnded = true
    this.ports.ticker.forget(this)
    this.ports.requestCrowd.leave(this)
  }

  private follow(): void {
    if (this.isEnded || this.wanted === undefined || this.cell9 === undefined) return
    this.ports.requestCrowd.move(this, this.cell9)
    this.ports.ticker.mark(this)
  }
}
