/** Players as an identity provider would send them, and a merchant who hides what they claim, all at one place. */
import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import { SignJWT } from 'jose'
import { closeEnvelope, hideEnvelope } from '#protocol/rest/envelopes.ts'
import { createMerchant } from '#protocol/rest/merchants.ts'
import type { Point } from '../../src/geo/point.ts'
import { createRestClient, demand } from '../../src/bin/play/rest-client.ts'

const there: Point = { lat: 31.2304, lng: 121.4737 }
export const fixThere = { ...there, accuracyM: 8 }

/** What lies in each share that an organiser hides. */
export const shareOfAll = { amountMinor: 1n, currency: 'CNY' }

export type Player = { id: string; token: string }

/** Their time runs 120 times as fast, so that no limit of frames is what is measured. */
const timeScale = 120

export async function enrol(client: Client, jwtSecret: string, count: number): Promise<Player[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await client.query(
    `insert into players (id, issuer, subject, time_scale, created_at)
     select id, 'hexbao', id::text, $2, now() from unnest($1::uuid[]) as id`,
    [ids, timeScale],
  )
  const key = new TextEncoder().encode(jwtSecret)
  const tokens = ids.map(id =>
    new SignJWT({ sub: id, iss: 'hexbao', aud: 'hexbao' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('6h')
      .sign(key),
  )
  return (await Promise.all(tokens)).map((token, i) => ({ id: ids[i] ?? '', token }))
}

export type Organiser = {
  /** Answers its id. */
  hide(shares: number): Promise<string>
  /** Takes them back, unless nothing is left: what lies around is a cost of every later round. */
  close(ids: readonly string[]): Promise<void>
}

export async function createOrganiser(url: string, operatorKey: string): Promise<Organiser> {
  const operator = createRestClient({ url, credential: operatorKey })
  const order = { body: { name: 'Bench' }, idempotencyKey: randomUUID() }
  const { secret } = demand(await operator.call(createMerchant, order), 'the merchant')
  const merchant = createRestClient({ url, credential: secret })
  return {
    async hide(shares) {
      const hidden = await merchant.call(hideEnvelope, {
        idempotencyKey: randomUUID(),
        body: {
          place: { type: 'Point', coordinates: [there.lng, there.lat] },
          total: {
            amountMinor: String(BigInt(shares) * shareOfAll.amountMinor),
            currency: shareOfAll.currency,
          },
          ...{ shares, split: 'equal' },
        },
      })
      return demand(hidden, 'hiding').id
    },
    async close(ids) {
      await Promise.all(ids.map(id => merchant.call(closeEnvelope, { id })))
    },
  }
}
