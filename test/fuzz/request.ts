/** A request as it goes over the wire, and how one is made that an operation should answer well. */
import { createHmac } from 'node:crypto'
import type { CallerKind } from '#protocol/operation.ts'
import type { Dice } from '../simulation/dice.ts'
import type { ApiDocument, Field, Shape } from './document.ts'
import { files, hintOf, type Scene } from './hints.ts'
import { type Actor, type Home, kindsOfPath, type Memory, pickThing, remember, type Thing } from './memory.ts'
import { drawValue } from './values.ts'

export type Request = {
  /** Whose answers it is held against; nothing where it may be no operation's. */
  shape: Shape | undefined
  actor: Actor | undefined
  home: Home
  method: string
  /** What stands for `{name}`, not encoded yet. */
  params: Readonly<Record<string, string>>
  /** Path and query as they are sent. */
  target: string
  headers: readonly (readonly [name: string, value: string])[]
  body?: string
  /** Before it was written; changes are made of it. */
  json?: unknown
  /** Any other status than these is a fault. */
  only?: readonly number[]
  /** In words, what is wrong with it. */
  spoilt: readonly string[]
  /** How its bytes are sent. */
  via: 'inject' | 'socket'
  /** Bytes in place of the request, or changed ones. */
  raw?: Buffer
}

export type Making = {
  document: ApiDocument
  memory: Memory
  dice: Dice
  nowMs: number
  callbackSecret: string
}

/** What a story, or a special case, wants of a request; the rest is drawn. */
export type Wish = {
  actor?: Actor | undefined
  home?: Home
  things?: (kind: string) => Thing | undefined
  body?: object
  /** Parts of the body that are left out. */
  without?: readonly string[]
  query?: Readonly<Record<string, string>>
  /** Nothing in the query that is neither needed nor wished for. */
  isPlain?: boolean
}

export function makeRequest(making: Making, shape: Shape, wish: Wish = {}): Request {
  const { memory, dice } = making
  const things = findThings(shape, kind => wish.things?.(kind) ?? pickThing(memory, kind, dice), dice)
  const actor = 'actor' in wish ? wish.actor : chooseActor(making, shape, things.owner)
  const home = wish.home ?? actor?.home ?? { lat: 31.2304, lng: 121.4737 }
  const isOperator = actor?.kind === 'operator'
  const scene: Scene = { ...{ memory, dice, home, isOperator }, nowMs: making.nowMs, operation: shape.id }
  const query = makeQuery(making, shape, scene, wish)
  const path = shape.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(things.params[name] ?? ''),
  )
  const made = makeBody(making, shape, scene, wish)
  return {
    ...{ shape, actor, home, params: things.params, method: shape.method },
    target: query === '' ? path : `${path}?${query}`,
    headers: [
      ...(actor === undefined ? [] : [['authorization', `Bearer ${actor.credential}`] as const]),
      ...made.headers,
      ...makeHeaders(making, shape, things.params, made.body),
    ],
    ...(made.body !== undefined && { body: made.body }),
    ...(made.json !== undefined && { json: made.json }),
    ...{ spoilt: [], via: 'inject' as const },
  }
}

/** The innermost thing decides about those around it: a drop is of one campaign. */
function findThings({ path }: Shape, find: (kind: string) => Thing | undefined, dice: Dice) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const params: Record<string, string> = {}
  const kinds = kindsOfPath(path)
  let owner: Actor | undefined
  let parent: string | undefined
  for (const [i, name] of [...names.entries()].reverse()) {
    const thing = parent === undefined ? find(kinds[i] ?? '') : undefined
    params[name] = parent ?? thing?.id ?? dice.uuid()
    owner ??= thing?.actor
    parent = thing?.parent
  }
  return { params, owner }
}

/** Mostly whoever learned of the thing, as far as the operation is for such. */
function chooseActor(
  { memory, dice }: Making,
  { callers }: Shape,
  owner: Actor | undefined,
): Actor | undefined {
  if (callers.length === 0) return undefined
  const isKnown = owner !== undefined && callers.includes(owner.kind) && memory.actors.includes(owner)
  if (isKnown && dice.chance(0.75)) return owner
  return pickActor(memory, callers, dice)
}

export function pickActor(memory: Memory, kinds: readonly CallerKind[], dice: Dice): Actor | undefined {
  const able = memory.actors.filter(({ kind }) => kinds.includes(kind))
  return able.length === 0 ? undefined : dice.pick(able)
}

const drawField = (making: Making, scene: Scene, { name, schema }: Field): string => {
  const hint = (of: string, its: Field['schema']) => hintOf(scene, of, its)
  return String(drawValue({ ...making, hint }, schema, name))
}

/** The operator names one account. */
const accounts = ['playerId', 'merchantId', 'envelopeId', 'payoutId', 'serviceRequestId', 'external']

function makeQuery(making: Making, shape: Shape, scene: Scene, { query, isPlain = false }: Wish): string {
  const { dice } = making
  const account = dice.pick(accounts)
  const isWanted = ({ name, required }: Field) =>
    shape.id === 'getAccountStatement' && accounts.includes(name)
      ? name === account
      : required || (!isPlain && dice.chance(0.25))
  const drawn = shape.fields.filter(field => field.in === 'query' && isWanted(field))
  const pairs = drawn.map(field => [field.name, drawField(making, scene, field)])
  return new URLSearchParams({ ...Object.fromEntries(pairs), ...query }).toString()
}

function makeBody(making: Making, shape: Shape, scene: Scene, wish: Wish) {
  if (shape.files !== undefined) {
    const [type = '', example = ''] = Object.entries(shape.files)[0] ?? []
    const file = files[shape.id]?.(scene) ?? { type, text: example }
    return { headers: [['content-type', file.type] as const], body: file.text }
  }
  if (shape.json === undefined) return { headers: [] }
  const hint = (name: string, schema: Field['schema']) => hintOf(scene, name, schema)
  const drawn = drawValue({ ...making, hint }, shape.json, '') as object
  const json: Record<string, unknown> = { ...drawn, ...wish.body }
  for (const name of wish.without ?? []) delete json[name]
  if (shape.id === 'claimEnvelope' && 'ticket' in json && 'fix' in json) delete json['fix']
  return { headers: [['content-type', 'application/json'] as const], body: JSON.stringify(json), json }
}

function makeHeaders(making: Making, shape: Shape, params: Request['params'], body = ''): [string, string][] {
  const { dice, memory } = making
  const names = shape.fields.filter(field => field.in === 'header').map(({ name }) => name)
  const headers: [string, string][] = []
  if (names.includes('Idempotency-Key')) {
    const key = `key-${dice.uuid()}`
    remember(memory, 'key', key)
    headers.push(['idempotency-key', key])
  }
  if (names.includes('If-Match'))
    headers.push(['if-match', `"${memory.versions.get(params['id'] ?? '') ?? 1}"`])
  if (names.includes('Last-Event-ID') && dice.chance(0.3)) headers.push(['last-event-id', '5f0c7d1be2a94c33'])
  if (names.includes('webhook-signature')) headers.push(...sign(making, body))
  return headers
}

/** By the Standard Webhooks specification. */
export function sign({ dice, nowMs, callbackSecret }: Making, body: string): [string, string][] {
  const [id, seconds] = [`msg_${dice.uuid()}`, String(Math.floor(nowMs / 1_000))]
  const signature = createHmac('sha256', callbackSecret).update(`${id}.${seconds}.${body}`).digest('base64')
  return [
    ['webhook-id', id],
    ['webhook-timestamp', seconds],
    ['webhook-signature', `v1,${signature}`],
  ]
}

/** As somebody would type it, with everything that is needed to send it again. */
export function describeRequest({ method, target, headers, body, raw, spoilt, via }: Request): string {
  if (raw !== undefined)
    return `bytes ${JSON.stringify(raw.toString('latin1').slice(0, 2_000))} (${spoilt.join('; ')})`
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const parts = headers.map(([name, value]) => `-H ${quote(`${name}: ${value.slice(0, 300)}`)}`)
  const data = body === undefined ? '' : ` --data-binary ${quote(body.slice(0, 2_000))}`
  return `curl -X ${method} ${parts.join(' ')}${data} ${quote(target.slice(0, 1_000))} (${via}; ${spoilt.join('; ')})`
}
