/** Live envelopes put straight into the record, so that nobody announces them unless the test does. */
import { createId } from '#platform/id.ts'
import { type Cell, centreOf, coarsen, locateCell, toBigInt } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import type { EndReason } from '../../src/realtime/announcer.ts'
import type { World } from '../helpers/world.ts'

/** At a point, or in the middle of a res-12 cell; one share of 100 fen, without the money. */
export async function plantEnvelope(
  world: World,
  where: Point | Cell,
  more: Partial<LiveEnvelope> = {},
): Promise<LiveEnvelope> {
  const cell = typeof where === 'string' ? where : locateCell(where)
  const point = typeof where === 'string' ? centreOf(where) : where
  const envelope: LiveEnvelope = {
    id: createId(world),
    cell10: coarsen(cell, 10),
    cell7: coarsen(cell, 7),
    kind: 'player',
    hiderId: createId(world),
    audience: 'anyone',
    ...more,
  }
  const { id, kind, hiderId, audience, greeting = null, brand = null, clue = null } = envelope
  await world.ownerDatabase.transact(async tx => {
    await tx.query({ name: 'plant-envelope', text: plantText }, [
      ...[id, kind, hiderId, point.lng, point.lat, toBigInt(cell), audience, greeting, brand, clue],
    ])
    await tx.query({ name: 'plant-share', text: 'insert into envelope_shares values ($1, 1, 100)' }, [id])
    const guests = 'insert into envelope_guests select $1, unnest($2::uuid[])'
    await tx.query({ name: 'plant-guests', text: guests }, [id, envelope.guestIds ?? []])
  })
  return envelope
}

const plantText = `insert into envelopes (id, hider_kind, hider_id, place, cell_r12, audience, greeting, brand, clue,
  passphrase_mac, claim_radius_m, currency, total, share_count, split, seed, commitment, state, opens_at, expires_at,
  created_at)
values ($1, $2, $3, st_makepoint($4, $5)::geography, $6, $7, $8, $9, $10,
  case when $7 = 'passphrase' then decode(repeat('00', 32), 'hex') end,
  60, 'CNY', 100, 1, 'equal', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'live', now(),
  now() + interval '1 hour', now())`

export async function endPlanted(world: World, id: string, reason: EndReason): Promise<void> {
  const text = `update envelopes set state = $2::text, epoch = epoch + 1,
    ended_at = case when $2::text = 'frozen' then null else now() end where id = $1`
  await world.ownerDatabase.query({ name: 'end-planted', text }, [id, reason])
}
