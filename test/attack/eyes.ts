/** How one account sees an envelope from a place: over REST, or through the reference client of the socket. */
import { WebSocket } from 'ws'
import { createPlayClient } from '#protocol/client.ts'
import { listEnvelopes } from '#protocol/rest/envelopes.ts'
import { sendPosition } from '#protocol/rest/players.ts'
import type { Point } from '../../src/geo/point.ts'
import type { Rest } from '../acceptance/rest.ts'
import type { Account } from './game.ts'
import { cellAt } from './hypothesis.ts'
import type { Look } from './oracle.ts'

export type Eyes = {
  /** Nothing where the account is used up. */
  look(at: Point): Promise<Look | undefined>
  close(): void
}

/** As bad as a fix may be: it explains the longest ways. */
const fixAt = (at: Point) => ({ ...at, accuracyM: 120 })

export function createRestEyes(rest: Rest, envelopeId: string): Eyes {
  async function look(at: Point): Promise<Look | undefined> {
    const moved = await rest.call(sendPosition, { body: { fix: fixAt(at) } })
    if (moved.status === 'refused' || !moved.body.accepted) return undefined
    const list = await rest.call(listEnvelopes)
    if (list.status === 'refused') return undefined
    const { features, warmth } = list.body
    const feature = features.find(({ id }) => id === envelopeId)
    if (feature === undefined) return { band: 'absent', ...warmth }
    return { band: feature.properties.band, cell: cellOf(feature.geometry), ...warmth }
  }
  return { look, close: () => undefined }
}

type Outline =
  | { type: 'Polygon'; coordinates: number[][][] }
  | { type: 'MultiPolygon'; coordinates: number[][][][] }

/** The cell of an outline: that of its middle. */
function cellOf({ type, coordinates }: Outline): string {
  const rings = type === 'Polygon' ? coordinates : coordinates.flat()
  const corners = rings.flatMap(ring => ring.slice(1))
  const [first = [0, 0]] = corners
  const turn = (lng: number) => lng - 360 * Math.round((lng - (first[0] ?? 0)) / 360)
  const mean = (numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
  const lng = mean(corners.map(([lng = 0]) => turn(lng)))
  return cellAt({ lat: mean(corners.map(([, lat = 0]) => lat)), lng: turn(lng) }, 10)
}

export type SocketEyesOptions = {
  url: string
  account: Account
  envelopeId: string
  onText: ((text: string) => void) | undefined
  countFrames: (frames: number) => void
}

export function createSocketEyes({ url, account, envelopeId, onText, countFrames }: SocketEyesOptions): Eyes {
  class AtAddress extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers: { 'x-forwarded-for': account.address } })
    }
  }
  const onFrame = (frame: object) => onText?.(JSON.stringify(frame))
  const client = createPlayClient({ url, token: account.token, WebSocket: AtAddress, onFrame })
  async function look(at: Point): Promise<Look | undefined> {
    const { accepted, paused } = await client.position(fixAt(at))
    // What belongs to a position comes with its acknowledgement, and so before this answer.
    await client.request({ type: 'ping' })
    countFrames(2)
    const warmth = client.warmth()
    if (!accepted || paused !== undefined || warmth === undefined) return undefined
    const { within1Km, within2Km } = warmth
    const hint = client.hints.get(envelopeId)
    if (hint === undefined) return { band: 'absent', within1Km, within2Km }
    return { band: hint.band, cell: hint.cell, within1Km, within2Km }
  }
  return { look, close: client.close }
}
