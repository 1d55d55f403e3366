/**
 * The sandbox's demo: a merchant with a key, a player with a token, and an envelope at each built-in place, made
 * through the API like anybody's. The data folder remembers who they are, so every start shows the same keys; what was
 * found or has expired since the last start is hidden again.
 */
import { createMerchant } from '#protocol/rest/merchants.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { systemClock } from '#platform/clock.ts'
import { createPassword, keepSecret, readRunFile } from '#platform/embedded/run-file.ts'
import { createTokenIssuer, type TokenSettings } from '../players/token.ts'
import { builtInPlaces, type Place } from './play/places.ts'
import { createRestClient, demand } from './play/rest-client.ts'
import { seedPlaces } from './play/seed-places.ts'

export type Demo = {
  playerToken: string
  playerId: string
  merchantKey: string
  /** A place with an envelope, for the ready-made curl. */
  envelope: { id: string; place: Place }
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
  if (issueToken === undefined) throw new Error('a demo token cannot be signed for JWKS_URL')
  const { token: playerToken } = await issueToken({ id: playerId })

  progress(`Preparing the demo at ${builtInPlaces.length} public places …`)
  const { hidden } = await seedPlaces({ url, merchantKey, places: builtInPlaces, idempotencyScope: scope })
  const [envelope] = hidden
  if (envelope === undefined) throw new Error('the demo envelopes were refused')
  return { playerToken, playerId, merchantKey, envelope }
}

/** The key in the data folder, or a new merchant's: asking twice gives the same one, the operation is idempotent. */
async function findMerchantKey({ url, dataDir, operatorKey }: DemoOptions, scope: string): Promise<string> {
  const known = (await readRunFile(dataDir)).secrets.demoMerchantKey
  if (known !== undefined) return known
  const client = createRestClient({ url, credential: operatorKey })
  const order = { body: { name: 'Demo merchant' }, idempotencyKey: `demo-merchant-${scope}` }
  const { secret } = demand(await client.call(createMerchant, order), 'the demo merchant')
  return keepSecret(dataDir, 'demoMerchantKey', () => secret)
}

async function findPlayer({ url, dataDir }: DemoOptions): Promise<string> {
  const known = (await readRunFile(dataDir)).secrets.demoPlayerId
  if (known !== undefined) return known
  const { player } = demand(
    await createRestClient({ url }).call(signUpPlayer, { body: {} }),
    'the demo player',
  )
  return keepSecret(dataDir, 'demoPlayerId', () => player.id)
}
