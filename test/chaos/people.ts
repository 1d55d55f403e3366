/**
 * Who plays: at each square a crowd that claims and runs errands, a merchant and a player who hide, and some who post
 * service requests. Made before anything is broken.
 */
import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { Client } from 'pg'
import { createMerchant } from '#protocol/rest/merchants.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { createRest } from '../acceptance/rest.ts'

export type Point = { lat: number; lng: number }
export type Claimant = { id: string; token: string }
export type Hider = { kind: 'merchant' | 'player'; credential: string }

/** People at one square never meet those of another: nobody travels, so no fix is ever implausible. */
export type Square = {
  place: Point
  crowd: readonly Claimant[]
  hiders: readonly Hider[]
  /** Tokens of those who post service requests; their days are short. */
  posters: readonly string[]
}

export type PeopleOptions = {
  url: string
  databaseUrl: string
  operatorKey: string
  jwtSecret: string
  squares: number
  crowd: number
}

const postersPerSquare = 3

export async function gatherPeople(options: PeopleOptions): Promise<Square[]> {
  const { url, operatorKey, squares } = options
  const operator = createRest({ url, credential: operatorKey })
  return await Promise.all(
    Array.from({ length: squares }, async (_, i) => {
      const { secret } = await operator.get(createMerchant, {
        idempotencyKey: `merchant-${i}`,
        body: { name: `Merchant ${i}` },
      })
      const signUp = async (timeScale: number) =>
        (await createRest({ url }).get(signUpPlayer, { body: { timeScale } })).token
      const token = await signUp(1)
      return {
        place: { lat: 31.2304 + i / 10, lng: 121.4737 },
        crowd: await gatherCrowd(options),
        hiders: [
          { kind: 'merchant' as const, credential: secret },
          { kind: 'player' as const, credential: token },
        ],
        posters: await Promise.all(Array.from({ length: postersPerSquare }, () => signUp(120))),
      }
    }),
  )
}

/** As an identity provider would send them: the operation that signs up in the sandbox is not what is tried here. */
async function gatherCrowd({ databaseUrl, jwtSecret, crowd }: PeopleOptions): Promise<Claimant[]> {
  const ids = Array.from({ length: crowd }, () => randomUUID())
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  try {
    await database.query(
      `insert into players (id, issuer, subject, created_at)
       select id, 'hexbao', id::text, now() from unnest($1::uuid[]) as id`,
      [ids],
    )
  } finally {
    await database.end()
  }
  const key = new TextEncoder().encode(jwtSecret)
  return await Promise.all(
    ids.map(async id => {
      const token = new SignJWT({ sub: id, iss: 'hexbao', aud: 'hexbao' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('12h')
      return { id, token: await token.sign(key) }
    }),
  )
}
