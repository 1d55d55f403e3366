/** Live envelopes by the thousand, put straight into the record: one share of 100 fen each, without the money. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { createId } from '#platform/id.ts'
import { systemClock } from '#platform/clock.ts'
import { systemRandom } from '#platform/random.ts'
import { type Cell, coarsen, locateCell, toBigInt } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'

export type Planted = { envelope: LiveEnvelope; place: Point; cell: Cell }

const hiderId = createId({ clock: systemClock, random: systemRandom })

/** An envelope as the index would hold it, with its place. */
export function envelopeAt(place: Point): Planted {
  const cell = locateCell(place)
  const id = uuidOf(randomBytes(16))
  const texts = {
    greeting: 'Happy new year to whoever walks by',
    clue: 'Look under the bench by the fountain',
  }
  const envelope: LiveEnvelope = {
    ...{
      id,
      cell10: coarsen(cell, 10),
      cell7: coarsen(cell, 7),
      kind: 'player',
      hiderId,
      audience: 'anyone',
    },
    ...texts,
  }
  return { envelope, place, cell }
}

function uuidOf(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export async function plant(client: Client, planted: readonly Planted[]): Promise<void> {
  await client.query({ name: 'bench-plant', text: plantText }, [
    planted.map(({ envelope }) => envelope.id),
    planted.map(({ place }) => place.lng),
    planted.map(({ place }) => place.lat),
    planted.map(({ cell }) => String(toBigInt(cell))),
    ...[hiderId, planted[0]?.envelope.greeting, planted[0]?.envelope.clue],
  ])
}

const plantText = `with planted as (
  insert into envelopes (id, hider_kind, hider_id, place, cell_r12, audience, greeting, clue, claim_radius_m, currency,
    total, share_count, split, seed, commitment, state, opens_at, expires_at, created_at)
  select id, 'player', $5, st_makepoint(lng, lat)::geography, cell, 'anyone', $6, $7, 60, 'CNY', 100, 1, 'equal',
    decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'live', now(), now() + interval '1 day', now()
  from unnest($1::uuid[], $2::float8[], $3::float8[], $4::bigint[]) as places (id, lng, lat, cell)
  returning id)
insert into envelope_shares select id, 1, 100 from planted`

export async function close(client: Client, ids: readonly string[]): Promise<void> {
  await client.query({ name: 'bench-close', text: closeText }, [ids])
}

const closeText = `update envelopes set state = 'closed', epoch = epoch + 1, ended_at = now()
where id = any($1::uuid[])`
