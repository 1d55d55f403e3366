/**
 * Players with sockets of their own, who stand still and note when they hear of what. For some, time runs 120 times as
 * fast, so that their tick is 4 ms: when they hear of something, the index of their server has known it since 4 ms at
 * most.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SignJWT } from 'jose'
import type { Client } from 'pg'
import { WebSocket } from 'ws'
import { subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { coarsen, locateCell, type Cell } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import { eventually } from '../acceptance/eventually.ts'

export type Onlooker = {
  isProbe: boolean
  cell10: Cell
  /** What the client knows. */
  known: Set<string>
  stand(): void
  close(): void
}

export type CrowdOptions = {
  client: Client
  jwtSecret: string
  urls: readonly string[]
  places: readonly Point[]
  /** How many of them are probes. */
  probes: number
  onHeard(onlooker: Onlooker, frame: { type: 'hint' | 'gone'; envelopeId: string }): void
}

const probeTimeScale = 120

/** Resolves when each knows what is around. */
export async function gatherCrowd(options: CrowdOptions): Promise<Onlooker[]> {
  const { client, places, probes, urls } = options
  const ids = places.map(() => randomUUID())
  await client.query(
    `insert into players (id, issuer, subject, time_scale, created_at)
     select id, 'hexbao', id::text, scale, now() from unnest($1::uuid[], $2::smallint[]) as people (id, scale)`,
    [ids, ids.map((_, i) => (i < probes ? probeTimeScale : 1))],
  )
  const crowd: Onlooker[] = []
  for (const [i, place] of places.entries()) {
    const token = await sign(ids[i] ?? '', options.jwtSecret)
    crowd.push(openOnlooker({ url: urls[i % urls.length] ?? '', token, place, isProbe: i < probes }, options))
    // So many are let in: faster, some would be told to come back.
    if (i % 20 === 19) await sleep(100)
  }
  await eventually('everybody sees', () => crowd.every(({ known }) => known.has('snapshot')) || undefined, {
    withinMs: 60_000,
    explain: () => `${crowd.filter(({ known }) => !known.has('snapshot')).length} do not`,
  })
  for (const { known } of crowd) known.delete('snapshot')
  return crowd
}

const sign = (sub: string, secret: string): Promise<string> =>
  new SignJWT({ sub, iss: 'hexbao', aud: 'hexbao' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(secret))

type Place = { url: string; token: string; place: Point; isProbe: boolean }

function openOnlooker({ url, token, place, isProbe }: Place, { onHeard }: CrowdOptions): Onlooker {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/play`, [
    subprotocol,
    `${tokenProtocolPrefix}${token}`,
  ])
  const known = new Set<string>()
  const say = (frame: object) => socket.send(JSON.stringify(frame))
  const onlooker: Onlooker = {
    ...{ isProbe, known, cell10: coarsen(locateCell(place), 10) },
    stand: () => say({ type: 'position', fix: { ...place, accuracyM: 8 } }),
    close: () => socket.terminate(),
  }
  socket.on('open', onlooker.stand)
  socket.on('close', code => {
    if (code !== 1006) process.stderr.write(`a socket was closed with ${code}\n`)
  })
  socket.on('error', error => process.stderr.write(`${error.message}\n`))
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ServerFrame
    if (frame.type === 'snapshot') {
      known.add('snapshot')
      for (const { envelopeId } of frame.hints) known.add(envelopeId)
    } else if (frame.type === 'hint' || frame.type === 'gone') {
      if (frame.type === 'hint') known.add(frame.envelopeId)
      else known.delete(frame.envelopeId)
      onHeard(onlooker, frame)
    }
  })
  return onlooker
}
