/**
 * Hides one envelope at each place, as a merchant, so that afterwards a live one lies at every place, however often and
 * whenever this runs: the Idempotency-Key is made of what is hidden where, so a rerun is answered with the envelope
 * that is there already, and only where that one has ended is the next one hidden.
 */
import { createHash } from 'node:crypto'
import type { Problem } from '#protocol/problem.ts'
import { limits } from '#protocol/limits.ts'
import { type Envelope, getEnvelope, type HideBody, hideEnvelope } from '#protocol/rest/envelopes.ts'
import { getMerchant } from '#protocol/rest/merchants.ts'
import { getWallet } from '#protocol/rest/players.ts'
import type { Place } from './places.ts'
import { createRestClient, demand, type RestClient } from './rest-client.ts'

export type SeedTerms = {
  /** Of each envelope; the default is 10,000. */
  totalMinor?: bigint
  /** The default is that of the merchant's wallet. */
  currency?: string
  shares?: number
  split?: HideBody['split']
  claimRadiusM?: number
  /** RFC 3339; the default is the server's, 72 h after the hiding. */
  expiresAt?: string
}

export type SeedOptions = SeedTerms & {
  url: string
  merchantKey: string
  places: readonly Place[]
  /** Seeds of another scope never count as the same. */
  idempotencyScope: string
  /** Told of each place as it is done. */
  onPlace?: (outcome: SeedOutcome) => void
}

/** `isNew`: false where a live envelope lay already. */
export type Hidden = { place: Place; id: string; isNew: boolean }
export type SeedOutcome =
  | ({ status: 'hidden' } & Hidden)
  | { status: 'refused'; place: Place; problem: Problem }

/** In the order of the places; `escrowedMinor` is what this run took from the wallet. */
export type Seeded = {
  hidden: readonly Hidden[]
  refused: readonly { place: Place; problem: Problem }[]
  escrowedMinor: bigint
  currency: string
}

const AT_ONCE = 4
const endedStates: readonly string[] = ['empty', 'expired', 'closed'] satisfies Envelope['state'][]

/** Throws a `ServerFault` where there is no server or the key is not good; what a place is refused for is told. */
export async function seedPlaces(options: SeedOptions): Promise<Seeded> {
  const client = createRestClient({ url: options.url, credential: options.merchantKey })
  const known = await client.call(getMerchant, {})
  demand(known, 'the merchant key')
  const startedAtMs = known.status === 'ok' ? known.serverTimeMs : 0
  const currency = options.currency ?? (await findCurrency(client))
  const totalMinor = options.totalMinor ?? 10_000n

  const outcomes: SeedOutcome[] = []
  const queue = options.places.map((place, index) => ({ place, index }))
  async function work(): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const body = describeHide(next.place, { ...options, currency, totalMinor })
      const scope = options.idempotencyScope
      const outcome = await hideLive(client, { place: next.place, body, scope, startedAtMs })
      outcomes[next.index] = outcome
      options.onPlace?.(outcome)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))

  const hidden = outcomes.filter(outcome => outcome.status === 'hidden')
  const refused = outcomes.filter(outcome => outcome.status === 'refused')
  const escrowedMinor = totalMinor * BigInt(hidden.filter(({ isNew }) => isNew).length)
  return { hidden, refused, escrowedMinor, currency }
}

/** A key may lack the scope that shows the wallet; the first currency of most servers is the yuan. */
async function findCurrency(client: RestClient): Promise<string> {
  const wallet = await client.call(getWallet, {})
  const balances = wallet.status === 'ok' ? wallet.body.balances : []
  const filled = balances.find(({ amountMinor }) => amountMinor !== '0') ?? balances[0]
  return filled?.currency ?? 'CNY'
}

function describeHide(
  { name, lat, lng }: Place,
  {
    totalMinor,
    currency,
    shares = 10,
    split = 'lucky',
    claimRadiusM,
    expiresAt,
  }: Required<Pick<SeedTerms, 'totalMinor' | 'currency'>> & SeedTerms,
): HideBody {
  const { greetingChars, clueChars } = limits.envelope
  return {
    place: { type: 'Point', coordinates: [lng, lat] },
    total: { amountMinor: String(totalMinor), currency },
    shares,
    split,
    greeting: cut(`You found ${name}!`, greetingChars),
    clue: { text: cut(name, clueChars) },
    ...(claimRadiusM !== undefined && { claimRadiusM }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

const cut = (text: string, maxChars: number): string => Array.from(text).slice(0, maxChars).join('')

type Hiding = { place: Place; body: HideBody; scope: string; startedAtMs: number }

async function hideLive(client: RestClient, hiding: Hiding): Promise<SeedOutcome> {
  const { place, body, startedAtMs } = hiding
  for (let round = 0; ; round++) {
    const answer = await client.call(hideEnvelope, { body, idempotencyKey: nameHiding(hiding, round) })
    if (answer.status === 'refused') return { status: 'refused', place, problem: answer.problem }
    const { id, own } = answer.body
    const isNew = Date.parse(own?.createdAt ?? '') >= startedAtMs
    if (isNew || !(await hasEnded(client, id))) return { status: 'hidden', place, id, isNew }
  }
}

function nameHiding({ body, scope }: Hiding, round: number): string {
  return `seed-${createHash('sha256')
    .update(JSON.stringify([scope, body, round]))
    .digest('base64url')}`
}

async function hasEnded(client: RestClient, id: string): Promise<boolean> {
  const envelope = demand(await client.call(getEnvelope, { id }), `envelope ${id}`)
  return endedStates.includes(envelope.state)
}
