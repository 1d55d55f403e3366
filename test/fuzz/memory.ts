/**
 * What earlier answers told: who may call, and the ids of what there is, by kind and with who learned of it. So later
 * requests ask about things that exist, in the name of somebody who may.
 */
import type { Dice } from '../simulation/dice.ts'
import type { CallerKind } from '#protocol/operation.ts'
import type { Shape } from './document.ts'

export type Home = { lat: number; lng: number }
export type Actor = { kind: CallerKind; credential: string; id?: string; home: Home }
/** `parent` is the `{id}` of the path under which it was learned of. */
export type Thing = { id: string; actor: Actor | undefined; parent?: string }

export type Memory = {
  actors: Actor[]
  things: Map<string, Thing[]>
  /** Versions of campaigns, for If-Match; cursors of pages; tickets, codes of coupons and of tills. */
  versions: Map<string, number>
  words: Map<Word, string[]>
}
export type Word = 'cursor' | 'ticket' | 'coupon' | 'code' | 'key'

/** Of each kind, the latest are kept. */
const kept = 40
const keptActors = { player: 24, merchant: 8, operator: 1 }

export const createMemory = (): Memory => ({
  actors: [],
  things: new Map(),
  versions: new Map(),
  words: new Map(),
})

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key) ?? []
  list.push(value)
  if (list.length > kept) list.shift()
  lists.set(key, list)
}

export function addActor(memory: Memory, actor: Actor): void {
  const alike = memory.actors.filter(({ kind }) => kind === actor.kind)
  if (alike.length >= keptActors[actor.kind])
    memory.actors.splice(memory.actors.indexOf(alike[0] as Actor), 1)
  memory.actors.push(actor)
}

export const remember = (memory: Memory, word: Word, text: string): void => push(memory.words, word, text)

export const pickThing = (memory: Memory, kind: string, dice: Dice): Thing | undefined => {
  const list = memory.things.get(kind) ?? []
  // The latest thing is the one about which most is still to do.
  return list.length === 0 ? undefined : dice.chance(0.4) ? list.at(-1) : dice.pick(list)
}

export const pickWord = (memory: Memory, word: Word, dice: Dice) => {
  const list = memory.words.get(word) ?? []
  return list.length === 0 ? undefined : dice.pick(list)
}

/** What fields are called that hold the id of something. */
const kindOfField: Readonly<Record<string, string>> = {
  ...{ envelopeId: 'envelopes', claimId: 'claims', campaignId: 'campaigns', playerId: 'players' },
  ...{ merchantId: 'merchants', payoutId: 'payouts', poolId: 'coupon-pools', uploadId: 'uploads' },
  ...{ dropId: 'drops', offerId: 'offers', deliveryId: 'deliveries', serviceRequestId: 'service-requests' },
  ...{ couponId: 'coupons', endpoint: 'webhook-endpoints', apiKey: 'api-keys', player: 'players' },
  ...{ merchant: 'merchants', envelope: 'envelopes', drop: 'drops', appeal: 'appeals', playerIds: 'players' },
}
/** Where the last word of the path is what is done. */
const kindOfAction: Readonly<Record<string, string>> = { drop: 'drops', test: 'deliveries', reveal: 'claims' }
const silent = new Set([
  'messages',
  'transfers',
  'actions',
  'ratings',
  'dead-letters',
  'statement',
  'ledger',
  'verify',
])

export const kindOf = (name: string): string | undefined => kindOfField[name]

/** The kinds that the parameters of a path name, in order: `/v1/campaigns/{id}/drops/{dropId}`. */
export const kindsOfPath = (path: string): string[] =>
  [...path.matchAll(/([a-z-]+)\/\{\w+\}/g)].flatMap(([, segment]) => segment ?? [])

function kindOfAnswer({ path }: Shape): string | undefined {
  const last = path.split('/').findLast(part => !part.startsWith('{')) ?? ''
  return silent.has(last) ? undefined : (kindOfAction[last] ?? last)
}

export type Learned = {
  shape: Shape
  actor: Actor | undefined
  home: Home
  parent: string | undefined
  body: unknown
}

/** Takes up a good answer. Actors that it made are returned as well. */
export function learn(memory: Memory, { shape, actor, home, parent, body }: Learned): Actor[] {
  const found: Actor[] = []
  const note = (kind: string | undefined, id: unknown) => {
    if (kind === undefined || typeof id !== 'string' || !/^[0-9a-f-]{36}$/.test(id) || id === parent) return
    const list = memory.things.get(kind)
    if (list?.some(thing => thing.id === id)) return
    push(memory.things, kind, { id, actor, ...(parent !== undefined && { parent }) })
  }
  const look = (value: unknown, kind: string | undefined, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > 3) return
    if (Array.isArray(value)) return value.slice(0, 8).forEach(item => look(item, kind, depth + 1))
    const parts = value as Record<string, unknown>
    note(kind, parts['id'])
    if (typeof parts['version'] === 'number') memory.versions.set(String(parts['id']), parts['version'])
    for (const [name, part] of Object.entries(parts)) {
      if (name.endsWith('Id')) note(kindOf(name), part)
      else look(part, ['items', 'features', 'properties'].includes(name) ? kind : kindOf(name), depth + 1)
    }
  }
  look(body, kindOfAnswer(shape), 0)
  if (memory.versions.size > 500) memory.versions.clear()
  learnWords(memory, shape, body)
  const made = actorOf(body, home)
  if (made !== undefined) {
    addActor(memory, made)
    found.push(made)
  }
  return found
}

type Told = Partial<Record<string, unknown>> & { links?: { rel?: string; href?: string }[] }

function learnWords(memory: Memory, { id, path }: Shape, body: unknown): void {
  const told = (body ?? {}) as Told
  const next = /[?&]cursor=([^&"]+)/.exec(JSON.stringify(told.links ?? ''))?.[1]
  if (next !== undefined) remember(memory, 'cursor', decodeURIComponent(next))
  if (typeof told['ticket'] === 'string') remember(memory, 'ticket', told['ticket'])
  if (id === 'showCampaignCode' && typeof told['code'] === 'string') remember(memory, 'code', told['code'])
  if (path.startsWith('/v1/coupons'))
    for (const item of (told['items'] ?? []) as { code?: string }[])
      if (item.code !== undefined) remember(memory, 'coupon', item.code)
}

/** A token or a key that was made, shown once. */
function actorOf(body: unknown, home: Home): Actor | undefined {
  const { token, secret, player, merchant } = (body ?? {}) as Record<string, unknown>
  const idOf = (value: unknown) => {
    const id = (value as { id?: string } | undefined)?.id
    return id === undefined ? {} : { id }
  }
  if (typeof token === 'string') return { kind: 'player', credential: token, ...idOf(player), home }
  const isKey = typeof secret === 'string' && secret.startsWith('hbk_')
  return isKey ? { kind: 'merchant', credential: secret, ...idOf(merchant), home } : undefined
}
