/**
 * The sandbox's demo: a merchant with a key, a player with a token, and envelopes at public places, made once through
 * the API like anybody's. The data folder remembers who they are, so a second start shows the same keys.
 */
import { createPassword, keepSecret, readRunFile } from '#platform/embedded/run-file.ts'
import { systemClock } from '#platform/clock.ts'
import { createTokenIssuer, type TokenSettings } from '../players/token.ts'
import { builtInPlaces } from './play/places.ts'
import { seedPlaces } from './play/seed-places.ts'

export type Demo = {
  playerToken: string
  playerId: string
  merchantKey: string
  /** A place with an envelope, for the ready-made curl. */
  envelope: { id: string; name: string; lat: number; lng: number }
}

export type DemoOptions = {
  url: string
  dataDir: string
  operatorKey: string
  jwt: TokenSettings
  progress: (line: string) => void
}

export async function prepareDemo(options: DemoOptions): Promise<Demo> {
  const { url, dataDir, progress } = options
  // One name for everything that the demo asks for once: a start that was cut short goes on where it stopped.
  const scope = await keepSecret(dataDir, 'demoScope', createPassword)
  const merchantKey = await findMerchantKey(options, scope)
  const playerId = await findPlayer(options)
  const issueToken = createTokenIssuer(options.jwt, { clock: systemClock })
  if (issueToken === undefined)
    throw new Error('the demo needs JWT_SECRET: a player token cannot be made with JWKS_URL')
  const { token: playerToken } = await issueToken({ id: playerId })

  const seededId = (await readRunFile(dataDir)).secrets.demoEnvelope
  const [first] = builtInPlaces
  if (first === undefined) throw new Error('there is no built-in place')
  if (seededId !== undefined)
    return { playerToken, playerId, merchantKey, envelope: { id: seededId, ...first } }
  progress(`Hiding ${builtInPlaces.length} demo envelopes …`)
  const seeded = await seedPlaces({ url, merchantKey, places: builtInPlaces, idempotencyScope: scope })
  const id = seeded.hidden[0]?.id
  if (id === undefined) throw new Error('the demo envelopes were refused')
  await keepSecret(dataDir, 'demoEnvelope', () => id)
  return { playerToken, playerId, merchantKey, envelope: { id, ...first } }
}

/** The key in the data folder, or a new merchant's: asking twice gives the same one, the operation is idempotent. */
async function findMerchantKey({ url, dataDir, operatorKey }: DemoOptions, scope: string): Promise<string> {
  const known = (await readRunFile(dataDir)).secrets.demoMerchantKey
  if (known !== undefined) return known
  const created = await post<{ secret: string }>(`${url}/v1/operator/merchants`, {
    credential: operatorKey,
    idempotencyKey: `demo-merchant-${scope}`,
    body: { name: 'Demo merchant' },
  })
  return keepSecret(dataDir, 'demoMerchantKey', () => created.secret)
}

async function findPlayer({ url, dataDir }: DemoOptions): Promise<string> {
  const known = (await readRunFile(dataDir)).secrets.demoPlayerId
  if (known !== undefined) return known
  const signedUp = await post<{ player: { id: string } }>(`${url}/v1/players`, { body: {} })
  return keepSecret(dataDir, 'demoPlayerId', () => signedUp.player.id)
}

type Post = { body: object; credential?: string; idempotencyKey?: string }

async function post<A>(url: string, { body, credential, idempotencyKey }: Post): Promise<A> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as A
}
