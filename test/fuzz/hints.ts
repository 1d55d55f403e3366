/**
 * What the properties of the protocol mean, by their names: places near the one who asks, times to come, amounts that
 * a wallet holds, ids of things that there are. Nothing here is needed for a request to fit its schema.
 */
import type { Dice } from '../simulation/dice.ts'
import type { Schema } from './document.ts'
import { type Home, kindOf, type Memory, pickThing, pickWord } from './memory.ts'

export type Scene = {
  memory: Memory
  dice: Dice
  nowMs: number
  home: Home
  operation: string
  isOperator: boolean
}

type Hint = (scene: Scene, schema: Schema) => unknown

const minuteMs = 60_000
const after = (scene: Scene, least: number, most: number) =>
  new Date(scene.nowMs + scene.dice.between(least, most) * minuteMs).toISOString()

export const fixAt = ({ lat, lng }: Home) => ({ lat, lng, accuracyM: 8 })
export const pointAt = ({ lat, lng }: Home) => ({ type: 'Point', coordinates: [lng, lat] })

/** Half a kilometre across. */
export function squareAround({ lat, lng }: Home, radius = 0.0025) {
  const [west, south, east, north] = [lng - radius, lat - radius, lng + radius, lat + radius]
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  return { type: 'Polygon', coordinates: [ring] }
}

/** Some ten kilometres of a city: far enough apart that places are not crowded. */
export const drawHome = (dice: Dice): Home => ({
  lat: 31.15 + dice.fraction() * 0.15,
  lng: 121.35 + dice.fraction() * 0.2,
})

/** Of one kind a freeze or a cap; of the whole platform rarely, since nothing is paid then. */
function drawTarget({ memory, dice, operation }: Scene) {
  if (dice.chance(0.03)) return { platform: true }
  const kinds = ['merchantId', 'campaignId', ...(operation === 'setCap' ? [] : ['envelopeId'])]
  const kind = dice.pick(kinds)
  const thing = pickThing(memory, kindOf(kind) ?? '', dice)
  return thing && { [kind]: thing.id }
}

const hints: Readonly<Record<string, Hint>> = {
  fix: ({ home, dice, nowMs }) => ({
    ...fixAt(home),
    ...(dice.chance(0.2) && { at: new Date(nowMs).toISOString() }),
  }),
  place: ({ home }) => pointAt(home),
  points: ({ home }) => ({ type: 'MultiPoint', coordinates: [pointAt(home).coordinates] }),
  area: ({ home, dice }, { anyOf }) =>
    anyOf?.some(({ type }) => type === 'null') && dice.chance(0.5) ? null : squareAround(home),
  crs: ({ dice }) => (dice.chance(0.9) ? 'wgs84' : undefined),
  // The largest drops take seconds and are the drops' own tests' to try.
  envelopes: ({ dice }) => dice.between(1, 6),
  resolution: ({ dice }) => dice.between(8, 9),
  shares: ({ dice }) => dice.between(1, 4),
  spacingM: ({ dice }) => dice.between(1, 10),
  target: drawTarget,
  currency: ({ dice }) => (dice.chance(0.97) ? 'CNY' : 'XXX'),
  amountMinor: ({ dice }) => String(dice.between(100, 2_000)),
  providerMinor: ({ dice }) => String(dice.between(0, 120)),
  totalMinor: ({ dice }) => (dice.chance(0.8) ? '900000000000' : undefined),
  perHourMinor: ({ dice }) => (dice.chance(0.8) ? '900000000000' : undefined),
  expiresAt: scene => after(scene, 15, 2_000),
  startsAt: scene => after(scene, 0, 30),
  opensAt: ({ dice, nowMs }) => new Date(nowMs + dice.between(1, 60) * 1_000).toISOString(),
  endsAt: scene => after(scene, 3_000, 20_000),
  from: (scene, { format }) => (format === undefined ? '00:00' : after(scene, -300, -60)),
  to: (scene, { format }) => (format === undefined ? '24:00' : after(scene, -50, -2)),
  timeZone: ({ dice }) => dice.pick(['UTC', 'Asia/Shanghai', 'Pacific/Chatham']),
  url: ({ dice }) => `http://127.0.0.1:65535/hook-${dice.between(1, 99)}`,
  types: ({ dice, isOperator }) =>
    isOperator ? ['request.opened'] : dice.pick([['envelope.claimed'], ['campaign.live', 'envelope.ended']]),
  audience: ({ dice }) => (dice.chance(0.7) ? { type: 'anyone' } : undefined),
  passphrase: ({ dice }) => (dice.chance(0.8) ? 'open sesame' : undefined),
  content: ({ dice }) => (dice.chance(0.7) ? { type: 'cash' } : undefined),
  presence: ({ dice }) => (dice.chance(0.85) ? 'gps' : 'code'),
  category: ({ dice }) => (dice.chance(0.3) ? undefined : 'queueing'),
  draft: ({ dice }) => dice.chance(0.1),
  minor: ({ dice }) => dice.chance(0.05),
  timeScale: ({ dice }) => dice.pick([1, 1, 10, 120]),
  limit: ({ dice }) => (dice.chance(0.7) ? String(dice.between(1, 3)) : undefined),
  cursor: ({ memory, dice }) => pickWord(memory, 'cursor', dice),
  ticket: ({ memory, dice }) => pickWord(memory, 'ticket', dice),
  code: ({ memory, dice, operation }) =>
    pickWord(memory, operation === 'redeemCoupon' ? 'coupon' : 'code', dice),
  reference: ({ dice }) => `ref-${dice.uuid()}`,
  clientId: ({ dice }) => dice.uuid(),
  id: ({ memory, dice, operation }) =>
    operation === 'reportText'
      ? pickThing(memory, dice.pick(['service-requests', 'envelopes']), dice)?.id
      : undefined,
  playerIds: ({ memory, dice }) => {
    const ids = [pickThing(memory, 'players', dice), pickThing(memory, 'players', dice)].flatMap(
      one => one?.id ?? [],
    )
    return ids.length === 0 ? undefined : [...new Set(ids)]
  },
}

export function hintOf(scene: Scene, name: string, schema: Schema): unknown {
  const hint = hints[name]
  if (hint !== undefined) return hint(scene, schema)
  return name.endsWith('Id') ? pickThing(scene.memory, kindOf(name) ?? '', scene.dice)?.id : undefined
}

/** Files by operation; another one is sent as its example stands in the document. */
export const files: Readonly<Record<string, (scene: Scene) => { type: string; text: string }>> = {
  uploadPoints({ home: { lat, lng }, dice }) {
    const coordinates = [lng, lat]
    const feature = { type: 'Feature', properties: null, geometry: { type: 'Point', coordinates } }
    return dice.chance(0.5)
      ? { type: 'text/csv', text: `lat,lng\n${lat},${lng}\n` }
      : {
          type: 'application/geo+json',
          text: JSON.stringify({ type: 'FeatureCollection', features: [feature] }),
        }
  },
  uploadCoupons: ({ dice }) => ({
    type: 'text/csv',
    text: `code\n${Array.from({ length: 4 }, () => dice.uuid().slice(0, 18)).join('\n')}\n`,
  }),
}
