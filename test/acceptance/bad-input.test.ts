/**
 * Everything that clients get wrong, and what attackers try, against one server: each gets its one documented refusal,
 * nothing changes, nothing is told that does not concern the sender, and the next right request works.
 */
import { createHmac } from 'node:crypto'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { Check } from 'typebox/value'
import { Problem } from '#protocol/problem.ts'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { hideEnvelope } from '#protocol/rest/envelopes.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import { findDatabaseUrl, makeDataDir, startServer } from './launch.ts'
import { openPlay } from './play.ts'
import { createRest } from './rest.ts'

t.setTimeout(240_000)

const dataDir = await makeDataDir(t)
const callbackSecret = 'c'.repeat(32)
const server = await startServer(t, {
  dataDir,
  env: { LOG_LEVEL: 'info', PAYOUT_CALLBACK_SECRET: callbackSecret },
})
const { url, socketUrl, merchantKey, operatorKey } = server.banner
const { token, player } = await createRest({ url }).get(signUpPlayer, { body: {} })
const me = createRest({ url, credential: token })

/** A square in Xi'an; the table is read against it. */
const [lat, lng] = [34.25991, 108.94683]
const fix = { lat, lng, accuracyM: 8 }
const goodHide = {
  place: { type: 'Point', coordinates: [lng, lat] },
  total: { amountMinor: '500', currency: 'CNY' },
  shares: 5,
  split: 'lucky',
  fix,
}
const { id: envelopeId } = await me.get(hideEnvelope, { idempotencyKey: 'good', body: goodHide })

type Sending = {
  method?: string
  path: string
  /** Nobody sends no credential. */
  as?: 'player' | 'merchant' | 'operator' | 'nobody'
  headers?: Record<string, string>
  /** As it stands when it is text or bytes, as JSON otherwise. */
  body?: unknown
}
/** What is wrong; what is sent; status, code, and the reason or the pointer to the field at fault. */
type Bad = [what: string, sending: Sending, refusal: string]

const credentials = { player: token, merchant: merchantKey, operator: operatorKey }

const hide = (change: object, headers: Record<string, string> = {}): Sending => ({
  method: 'POST',
  path: '/v1/envelopes',
  headers: { 'idempotency-key': 'bad', ...headers },
  body: { ...goodHide, ...change },
})
const move = (body: unknown): Sending => ({ method: 'POST', path: '/v1/positions', body })
const moveTo = (change: object): Sending => move({ fix: { ...fix, ...change } })
const claim = (body: unknown, id = envelopeId): Sending => ({
  method: 'POST',
  path: `/v1/envelopes/${id}/claims`,
  body,
})
const reveal = (body: unknown): Sending => ({
  method: 'POST',
  path: `/v1/envelopes/${envelopeId}/reveal`,
  body,
})
const operate = (what: string, body: unknown, as: Sending['as'] = 'operator'): Sending => ({
  method: 'POST',
  path: `/v1/operator/${what}`,
  headers: { 'idempotency-key': 'bad' },
  ...{ as, body },
})
const capOf = (change: object): Sending =>
  operate('caps', { target: { platform: true }, currency: 'CNY', reason: 'x', ...change })
const freezeOf = (target: object): Sending => operate('freezes', { target, reason: 'x' })
const listenAt = (change: object, as: Sending['as'] = 'merchant'): Sending => ({
  ...{ method: 'POST', path: '/v1/webhook-endpoints', as },
  body: { url: 'https://hooks.example/', types: ['envelope.claimed'], ...change },
})
const get = (path: string, more: Partial<Sending> = {}): Sending => ({ path, ...more })
const total = (amountMinor: unknown): Sending => hide({ total: { amountMinor, currency: 'CNY' } })
const place = (coordinates: unknown): Sending => hide({ place: { type: 'Point', coordinates } })
const audience = (audience: unknown): Sending => hide({ audience })
const typed = (type: string | undefined, body: unknown = { fix }): Sending => ({
  ...move(body),
  headers: type === undefined ? { 'content-type': '' } : { 'content-type': type },
})
const fixText = (text: string) => `{"fix":{"lat":${text},"lng":${lng},"accuracyM":8}}`

const fields: Bad[] = [
  ['an unknown field', move({ fix, speed: 3 }), '400 bad_request /body/speed'],
  ['an unknown field, deeper', moveTo({ altitude: 3 }), '400 bad_request /body/fix/altitude'],
  ['a field of tomorrow', claim({ fix, scene: 'x' }), '400 bad_request /body/scene'],
  ['a fix and a ticket', claim({ fix, ticket: 'x' }), '400 bad_request /body'],
  ['neither a fix nor a ticket', claim({}), '400 bad_request /body/fix'],
  ['a ticket for a reveal', reveal({ ticket: 'x' }), '400 bad_request /body/fix'],
  ['a ticket with spaces', claim({ ticket: 'a b' }), '400 bad_request /body/ticket'],
  ['a ticket of nobody', claim({ ticket: 'x' }, envelopeId.replace(/^./, 'f')), '403 ticket_refused'],
  ['a field too few', move({}), '400 bad_request /body/fix'],
  ['text for a number', moveTo({ lat: String(lat) }), '400 bad_request /body/fix/lat'],
  ['null for a number', moveTo({ lat: null }), '400 bad_request /body/fix/lat'],
  ['truth for a number', moveTo({ lng: true }), '400 bad_request /body/fix/lng'],
  ['a list for an object', move([fix]), '400 bad_request /body'],
  ['null for an object', move('null'), '400 bad_request /body'],
  ['text for an object', move('"fix"'), '400 bad_request /body'],
  ['lat 91', moveTo({ lat: 91 }), '400 bad_request /body/fix/lat'],
  ['lng -180.1', moveTo({ lng: -180.1 }), '400 bad_request /body/fix/lng'],
  ['swapped coordinates', moveTo({ lat: lng, lng: lat }), '400 bad_request /body/fix/lat'],
  ['a number too large for JSON', move(fixText('1e999')), '400 bad_request /body/fix/lat'],
  ['negative accuracy', moveTo({ accuracyM: -1 }), '400 bad_request /body/fix/accuracyM'],
  ['an unknown datum', moveTo({ crs: 'EPSG:4326' }), '400 bad_request /body/fix/crs'],
  ['no such day', moveTo({ at: '2026-02-30T00:00:00Z' }), '400 bad_request /body/fix/at'],
  ['a leap second', moveTo({ at: '2016-12-31T23:59:60Z' }), '400 bad_request /body/fix/at'],
  ['a local time', moveTo({ at: '2026-02-17 12:00' }), '400 bad_request /body/fix/at'],
  ['swapped place', place([lat, lng]), '400 bad_request /body/place/coordinates/1'],
  ['a place with altitude', place([lng, lat, 400]), '400 bad_request /body/place/coordinates'],
  ['half a place', place([lng]), '400 bad_request /body/place/coordinates'],
  [
    'a line for a place',
    hide({ place: { type: 'LineString', coordinates: [] } }),
    '400 bad_request /body/place/type',
  ],
  ['a datum of the moon', hide({ crs: 'moon' }), '400 bad_request /body/crs'],
  ['no shares', hide({ shares: 0 }), '400 bad_request /body/shares'],
  ['half a share', hide({ shares: 1.5 }), '400 bad_request /body/shares'],
  ['shares as text', hide({ shares: '5' }), '400 bad_request /body/shares'],
  ['a radius of a room', hide({ claimRadiusM: 39 }), '400 bad_request /body/claimRadiusM'],
  ['a radius of a park', hide({ claimRadiusM: 121 }), '400 bad_request /body/claimRadiusM'],
  ['an unknown split', hide({ split: 'fair' }), '400 bad_request /body/split'],
  ['a novel', hide({ greeting: 'x'.repeat(121) }), '400 bad_request /body/greeting'],
  ['an empty clue', hide({ clue: { text: '' } }), '400 bad_request /body/clue/text'],
  ["a player's brand", hide({ brand: 'Acme' }), '400 bad_request /body/brand'],
  ["a player's campaign", hide({ campaignId: envelopeId }), '400 bad_request /body/campaignId'],
  ["a merchant's fix", { ...hide({}), as: 'merchant' }, '400 bad_request /body/fix'],
  ['a cap below nothing', capOf({ totalMinor: '-1' }), '400 bad_request /body/totalMinor'],
  ['a cap of a half', capOf({ perHourMinor: '0.5' }), '400 bad_request /body/perHourMinor'],
  ['a cap in beans', capOf({ currency: 'XXX' }), '400 bad_request /body/currency'],
  ['a cap without a reason', capOf({ reason: '' }), '400 bad_request /body/reason'],
  ['a webhook to a cloud', listenAt({ url: 'http://169.254.169.254/' }), '422 endpoint_refused address'],
  ['a webhook to a file', listenAt({ url: 'file:///etc/passwd' }), '422 endpoint_refused url_invalid'],
  ['a webhook of nothing', listenAt({ types: [] }), '400 bad_request /body/types'],
  ["a merchant's errands", listenAt({ types: ['request.opened'] }), '422 endpoint_refused type'],
  [
    'a replay up to a leap second',
    {
      ...{ method: 'POST', path: `/v1/webhook-endpoints/${envelopeId}/replay`, as: 'merchant' },
      body: { from: '2016-12-31T00:00:00Z', to: '2016-12-31T23:59:60Z' },
    },
    '400 bad_request /body/to',
  ],
  ["a player's webhook", listenAt({}, 'player'), '403 forbidden'],
  ['a freeze of nobody', freezeOf({ merchantId: envelopeId }), '404 not_found'],
  ['a freeze of no envelope', freezeOf({ envelopeId: envelopeId.replace(/^./, 'f') }), '404 not_found'],
  [
    'a replay of nothing',
    operate('dead-letters/replay', { ids: [], reason: 'x' }),
    '400 bad_request /body/ids',
  ],
  ['no such time', hide({ expiresAt: 'tomorrow' }), '400 bad_request /body/expiresAt'],
  ['an unknown audience', audience({ type: 'friends' }), '400 bad_request /body/audience/type'],
  [
    'an audience of nobody',
    audience({ type: 'players', playerIds: [] }),
    '400 bad_request /body/audience/playerIds',
  ],
  [
    'a short word',
    audience({ type: 'passphrase', passphrase: 'abc' }),
    '400 bad_request /body/audience/passphrase',
  ],
  ['a long word', claim({ fix, passphrase: 'x'.repeat(65) }), '400 bad_request /body/passphrase'],
  [
    'a slow clock',
    { ...get('/v1/players'), method: 'POST', body: { timeScale: 0.5 } },
    '400 bad_request /body/timeScale',
  ],
  ['an unknown query', get('/v1/claims?page=2'), '400 bad_request /querystring/page'],
  ['a page of nothing', get('/v1/claims?limit=0'), '400 bad_request /querystring/limit'],
  ['a page of text', get('/v1/claims?limit=ten'), '400 bad_request /querystring/limit'],
  ['two limits', get('/v1/claims?limit=1&limit=2'), '400 bad_request /querystring/limit'],
  ['a page of all', get('/v1/claims?limit=201'), '400 bad_request /querystring/limit'],
  ['a cursor of its own making', get('/v1/claims?cursor=AAAA'), '400 bad_request /querystring/cursor'],
  ['a cursor with NUL', get('/v1/claims?cursor=%00'), '400 bad_request /querystring/cursor'],
]

const fortune = { total: { amountMinor: '9999999999999', currency: 'CNY' }, fix: undefined }
const money: Bad[] = [
  ...[
    '0',
    '-1',
    '1.5',
    '1e3',
    '+1',
    '01',
    ' 1',
    '1 ',
    '',
    '١',
    '100000000000000',
    '10000000000000',
    '0x10',
    'NaN',
  ].map(
    (amount): Bad => [`an amount of '${amount}'`, total(amount), '400 bad_request /body/total/amountMinor'],
  ),
  ['an amount that is a number', total(500), '400 bad_request /body/total/amountMinor'],
  ['an amount that is null', total(null), '400 bad_request /body/total/amountMinor'],
  [
    'a lower-case currency',
    hide({ total: { amountMinor: '500', currency: 'cny' } }),
    '400 bad_request /body/total/currency',
  ],
  [
    'a currency from elsewhere',
    hide({ total: { amountMinor: '500', currency: 'XAU' } }),
    '422 envelope_refused currency_unknown',
  ],
  [
    'more shares than fen',
    hide({ shares: 101, total: { amountMinor: '100', currency: 'CNY' } }),
    '422 envelope_refused shares_exceed_total',
  ],
  ['301 shares', hide({ shares: 301 }), '422 envelope_refused too_many_shares'],
  ['more than 200 yuan a share', total('100001'), '422 envelope_refused share_too_large'],
  ['more than there is', { ...hide(fortune), as: 'merchant' }, '409 insufficient_funds'],
  ['an expiry in the past', hide({ expiresAt: '2020-01-01T00:00:00Z' }), '422 envelope_refused expiry_past'],
  [
    'an expiry in a hundred years',
    hide({ expiresAt: '2126-01-01T00:00:00Z' }),
    '422 envelope_refused expiry_too_far',
  ],
  [
    'an opening after the end',
    hide({ opensAt: '2126-01-02T00:00:00Z', expiresAt: '2126-01-01T00:00:00Z' }),
    '422 envelope_refused opens_after_expiry',
  ],
  ['text that turns around', hide({ greeting: 'abc\u202edef' }), '422 envelope_refused text_refused'],
  ['text with NUL', hide({ clue: { text: 'a\0b' } }), '422 envelope_refused text_refused'],
  [
    'a guest who does not exist',
    audience({ type: 'players', playerIds: [envelopeId] }),
    '422 envelope_refused audience_unknown',
  ],
  ['a place too far', place([lng + 0.02, lat]), '422 place_refused too_far'],
  ['no Idempotency-Key', { ...hide({}), headers: {} }, '400 idempotency_key_missing'],
  [
    'a key of 256 characters',
    hide({}, { 'idempotency-key': 'k'.repeat(256) }),
    '400 idempotency_key_missing',
  ],
  ['a key with a blank', hide({}, { 'idempotency-key': 'a b' }), '400 idempotency_key_missing'],
  ['a key of another body', hide({ shares: 4 }, { 'idempotency-key': 'good' }), '422 idempotency_mismatch'],
]

const post = (path: string, body: unknown, more: Partial<Sending> = {}): Sending => ({
  ...{ method: 'POST', path, body, headers: { 'idempotency-key': 'bad' } },
  ...more,
})
const payout = (amountMinor: unknown, more: object = {}): Sending =>
  post('/v1/payouts', { amount: { amountMinor, currency: 'CNY' }, ...more })
const asOperator = { as: 'operator' } as const
const nowhere = '00000000-0000-7000-8000-000000000000'
const outcome = (body: unknown, id = nowhere): Sending =>
  post(`/v1/operator/payouts/${id}/outcome`, body, asOperator)
const booking = (amountMinor: unknown, reference: unknown = 'x'): Sending =>
  post(
    '/v1/operator/deposits',
    { owner: { playerId: player.id }, amount: { amountMinor, currency: 'CNY' }, reference },
    asOperator,
  )

const report = JSON.stringify({
  type: 'payout.paid',
  timestamp: '2026-02-17T08:00:12Z',
  data: { payoutId: nowhere },
})
/** A callback as the provider signs it, and then changed. */
function callback(change: Record<string, string>, body: string = report): Sending {
  const seconds = String(Math.floor(Date.now() / 1_000))
  const signature = createHmac('sha256', callbackSecret).update(`m.${seconds}.${report}`).digest('base64')
  const signed = { 'webhook-id': 'm', 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` }
  return {
    method: 'POST',
    path: '/v1/payouts/callback',
    as: 'nobody',
    body,
    headers: { ...signed, ...change },
  }
}

const statement = (query: string): Sending => get(`/v1/wallet/statement?currency=CNY&${query}`)
const february = 'from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z'
const moneyOut: Bad[] = [
  ...['0', '-1', '1.5', '1e3', '01', '', '١', '10000000000000', 'NaN', 500, null, {}].flatMap(
    (amount): Bad[] => [
      [`a payout of ${JSON.stringify(amount)}`, payout(amount), '400 bad_request /body/amount/amountMinor'],
      [`a deposit of ${JSON.stringify(amount)}`, booking(amount), '400 bad_request /body/amount/amountMinor'],
    ],
  ),
  ['a fen', payout('99'), '422 payout_refused too_small'],
  ['a fortune', payout('500000001'), '422 payout_refused too_large'],
  ['more than there is', payout('10000001'), '409 insufficient_funds'],
  [
    'a payout from elsewhere',
    post('/v1/payouts', { amount: { amountMinor: '500', currency: 'XAU' } }),
    '422 payout_refused currency_unknown',
  ],
  [
    'a destination that turns around',
    payout('500', { destination: 'a\u202eb' }),
    '400 bad_request /body/destination',
  ],
  [
    'a destination without end',
    payout('500', { destination: 'x'.repeat(201) }),
    '400 bad_request /body/destination',
  ],
  ["a payout of another's wallet", payout('500', { ownerId: nowhere }), '400 bad_request /body/ownerId'],
  ['a payout without a key', { ...payout('500'), headers: {} }, '400 idempotency_key_missing'],
  ['a reference with NUL', booking('500', 'a\0b'), '400 bad_request /body/reference'],
  ['the payout of nobody', get(`/v1/payouts/${nowhere}`), '404 not_found'],
  ['a player who decides', { ...outcome({ outcome: 'paid' }), as: 'player' }, '403 forbidden'],
  ['an outcome of nothing', outcome({ outcome: 'paid' }), '404 not_found'],
  ['no outcome', outcome({ outcome: 'submitted' }), '400 bad_request /body/outcome'],
  ['a failure without a reason', outcome({ outcome: 'failed' }), '400 bad_request /body/reason'],
  ['a success with one', outcome({ outcome: 'paid', reason: 'x' }), '400 bad_request /body/reason'],
  [
    'an unknown status',
    get('/v1/operator/payouts?status=lost', asOperator),
    '400 bad_request /querystring/status',
  ],
  ['a callback of nobody', callback({ 'webhook-signature': '' }), '401 unauthorized'],
  ['a callback of yesterday', callback({ 'webhook-timestamp': '1771300800' }), '401 unauthorized'],
  ['a callback with another body', callback({}, `${report} `), '401 unauthorized'],
  ['a callback that is no JSON', callback({}, '{'), '400 bad_request'],
  ['a callback on nothing', callback({}), '404 not_found'],
  ['a key that would not help', post('/v1/players', {}), '400 bad_request /headers/idempotency-key'],
  ['a period without end', statement('from=2026-02-01T00:00:00Z'), '400 bad_request /querystring/to'],
  [
    'a period backwards',
    statement('from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z'),
    '422 statement_refused period_empty',
  ],
  [
    'a period of years',
    statement('from=2020-02-01T00:00:00Z&to=2026-02-01T00:00:00Z'),
    '422 statement_refused period_too_long',
  ],
  [
    'a period to come',
    statement('from=2026-10-01T00:00:00Z&to=2027-02-01T00:00:00Z'),
    '422 statement_refused period_not_over',
  ],
  [
    "another's statement",
    get(`/v1/operator/statements?currency=CNY&playerId=${player.id}&${february}`),
    '403 forbidden',
  ],
  [
    "nobody's statement",
    get(`/v1/operator/statements?currency=CNY&${february}`, asOperator),
    '422 statement_refused account_unclear',
  ],
]

const kib = (n: number) => JSON.stringify({ fix, x: 'x'.repeat(n * 1024) })
const bodies: Bad[] = [
  ['33 KiB', move(kib(33)), '413 payload_too_large'],
  [
    '33 KiB in pieces',
    { ...move(kib(33)), headers: { 'transfer-encoding': 'chunked' } },
    '413 payload_too_large',
  ],
  ['plain text', typed('text/plain'), '415 unsupported_media_type'],
  ['a form', typed('application/x-www-form-urlencoded', 'lat=1'), '415 unsupported_media_type'],
  ['a form in parts', typed('multipart/form-data; boundary=x', '--x--'), '415 unsupported_media_type'],
  ['XML', typed('application/xml', '<fix/>'), '415 unsupported_media_type'],
  ['no type', typed(undefined), '415 unsupported_media_type'],
  ['another character set', typed('application/json; charset=utf-16'), '415 unsupported_media_type'],
  ['nearly JSON', typed('application/jsonp'), '415 unsupported_media_type'],
  ['JSON of another kind', typed('application/ld+json'), '415 unsupported_media_type'],
  ['nothing', move(''), '400 bad_request'],
  ['half of JSON', move('{"fix":'), '400 bad_request'],
  ['a comma too many', move('{"fix":{},}'), '400 bad_request'],
  ['NaN', move(fixText('NaN')), '400 bad_request'],
  ['Infinity', move(fixText('Infinity')), '400 bad_request'],
  ['a hexadecimal number', move(fixText('0x1f')), '400 bad_request'],
  ['a comment', move('{"fix":{} /* here */}'), '400 bad_request'],
  [
    'text that is not UTF-8',
    move(Buffer.from(fixText('1').replace('8}', '8,"at":"\xff"}'), 'latin1')),
    '400 bad_request',
  ],
  ['bytes that are no text', move(Buffer.from([0xff, 0xfe, 0x7b, 0x7d])), '400 bad_request'],
  ['16,000 brackets', move('['.repeat(16_000)), '400 bad_request'],
  ['16,000 closed brackets', move('['.repeat(16_000) + ']'.repeat(16_000)), '400 bad_request /body'],
  ['__proto__', move('{"__proto__":{"fix":1},"fix":{}}'), '400 bad_request'],
  ['__proto__, deeper', move('{"fix":{"__proto__":{"lat":1}}}'), '400 bad_request'],
  ['__proto__, escaped', move('{"fix":{"\\u005f_proto__":{"lat":1}}}'), '400 bad_request'],
  ['constructor.prototype', move('{"constructor":{"prototype":{"lat":1}}}'), '400 bad_request'],
  ['constructor', moveTo({ constructor: { name: 'x' } }), '400 bad_request /body/fix/constructor'],
]

const badIds = [
  ...['%0A', '%00', '%7B%7D', '{}', '%20', '%2F..', "'--", '%E2%80%8B'].map(end => envelopeId + end),
  ...['{}', '%00', '__proto__', 'constructor', 'null', '0', '..%2F..%2Fetc%2Fpasswd', "1'%20OR%20'1'='1"],
  ...[envelopeId.toUpperCase(), envelopeId.slice(1), `{${envelopeId}}`],
]
const elsewhere = '00000000-0000-7000-8000-000000000000'
const addresses: Bad[] = [
  ...badIds.flatMap((id): Bad[] => [
    [`the envelope ${id}`, get(`/v1/envelopes/${id}`), '400 bad_request /params/id'],
    [`a claim at ${id}`, claim({ fix }, id), '400 bad_request /params/id'],
    [`the claim ${id}`, get(`/v1/claims/${id}`), '400 bad_request /params/id'],
  ]),
  ['an envelope that is not', get(`/v1/envelopes/${elsewhere}`), '404 not_found'],
  ['a claim where nothing is', claim({ fix }, elsewhere), '403 out_of_reach'],
  ['a claim that is not', get(`/v1/claims/${elsewhere}`), '404 claim_not_settled'],
  ['the end of what is not', { ...get(`/v1/envelopes/${elsewhere}`), method: 'DELETE' }, '404 not_found'],
  ['a long id', get(`/v1/envelopes/${'a'.repeat(5_000)}`), '404 not_found'],
  ['a broken escape', get('/v1/envelopes/%zz'), '400 bad_request'],
  ['half an escape', get('/v1/envelopes/%e2%8'), '400 bad_request'],
  ['no such address', get('/v1/treasures'), '404 not_found'],
  ['above the root', get('/v1/../../etc/passwd'), '404 not_found'],
  ['above the documents', get('/docs/static/..%2f..%2f..%2fpackage.json'), '404 not_found'],
  ['the page of no error', get('/problems/__proto__'), '404 not_found'],
  ['the page of constructor', get('/problems/constructor'), '404 not_found'],
  ...['PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'].map(
    (method): Bad => [`${method} on a list`, { method, path: '/v1/claims' }, '404 not_found'],
  ),
  ['a POST to read', { method: 'POST', path: '/v1/wallet', body: {} }, '404 not_found'],
  ['a socket without a socket', get('/v1/play'), '400 bad_request'],
]

const sign = (header: object, payload: object, key: string): string => {
  const text = [header, payload]
    .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
const claims = { iss: 'hexbao', aud: 'hexbao', sub: player.id, exp: 4_000_000_000 }
const unsigned = sign({ alg: 'none' }, claims, '').replace(/[^.]*$/, '')
const bearer = (credential: string): Sending =>
  get('/v1/me', { as: 'nobody', headers: { authorization: credential } })
const callers: Bad[] = [
  ['nobody', get('/v1/me', { as: 'nobody' }), '401 unauthorized'],
  ['nobody, before the body is read', { ...move('{'), as: 'nobody' }, '401 unauthorized'],
  ['no scheme', bearer(token), '401 unauthorized'],
  ['another scheme', bearer(`Basic ${token}`), '401 unauthorized'],
  ['no token', bearer('Bearer '), '401 unauthorized'],
  ['a token without a signature', bearer(`Bearer ${unsigned}`), '401 unauthorized'],
  [
    'a token of another key',
    bearer(`Bearer ${sign({ alg: 'HS256' }, claims, 'x'.repeat(32))}`),
    '401 unauthorized',
  ],
  ['a token cut short', bearer(`Bearer ${token.slice(0, -2)}`), '401 unauthorized'],
  ['an unknown merchant key', bearer(`Bearer hbk_test_${'x'.repeat(43)}`), '401 unauthorized'],
  ['an unknown operator key', bearer(`Bearer hbo_${'x'.repeat(43)}`), '401 unauthorized'],
  ['a merchant who walks', get('/v1/me', { as: 'merchant' }), '403 forbidden'],
  ['a merchant who freezes', operate('freezes', {}, 'merchant'), '403 forbidden'],
  ['a player with keys', get('/v1/merchant'), '403 forbidden'],
  ['an operator who wins', { ...claim({ fix }), as: 'operator' }, '403 forbidden'],
  [
    'a player who makes money',
    { method: 'POST', path: '/v1/operator/deposits', body: {}, headers: { 'idempotency-key': 'x' } },
    '403 forbidden',
  ],
]

type Answer = { status: number; type: string; text: string }

function send({ method = 'GET', path, as = 'player', headers = {}, body }: Sending): Promise<Answer> {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  const payload = body === undefined ? undefined : isRaw ? body : JSON.stringify(body)
  const all: Record<string, string> = {
    ...(as !== 'nobody' && { authorization: `Bearer ${credentials[as]}` }),
    ...(payload !== undefined && { 'content-type': 'application/json' }),
    ...(payload !== undefined &&
      headers['transfer-encoding'] === undefined && { 'content-length': String(Buffer.byteLength(payload)) }),
    ...headers,
  }
  if (all['content-type'] === '') delete all['content-type']
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/`, { method, path, headers: all, agent: false }, response => {
      readAll(response).then(resolve, reject)
    })
    sent.on('error', reject)
    sent.end(payload)
  })
}

async function readAll(response: IncomingMessage): Promise<Answer> {
  const chunks = (await response.toArray()) as Buffer[]
  const type = response.headers['content-type'] ?? ''
  return { status: response.statusCode ?? 0, type, text: Buffer.concat(chunks).toString() }
}

/** What no refusal may hold: parts of a stack, of a statement, of a path, or anybody's coordinates. */
const leaks = [
  /\n\s+at /,
  /\.(ts|js|mjs|sql|lua)\b/,
  /node_modules|node:internal/,
  /\b(select|insert|update|delete)\b.*\b(from|into|set|where)\b/i,
  /\b(syntax error|violates|constraint|relation|ECONN\w+|NOSCRIPT)\b/i,
  /34\.2599|108\.9468/,
]

async function judge(t: Test, [what, sending, refusal]: Bad): Promise<void> {
  const { status, type, text } = await send(sending)
  const problem: unknown = parse(text)
  if (type !== 'application/problem+json' || !Check(Problem, problem)) {
    return void t.fail(`${what}: not a problem: ${status} ${type} ${text}`)
  }
  const [wantedStatus, wantedCode, place] = refusal.split(' ')
  const places = [problem.reason, ...(problem.errors ?? []).map(({ pointer }) => pointer)]
  const isRight = `${wantedStatus} ${wantedCode}` === `${status} ${problem.code}` && problem.status === status
  const isPlaced = place === undefined ? problem.errors === undefined : places.includes(place)
  t.ok(isRight && isPlaced, `${what}: ${refusal}`, { wanted: refusal, text })
  t.equal(problem.type, `/problems/${problem.code}`)
  const told = leaks.filter(leak => leak.test(text))
  if (told.length > 0) t.fail(`${what} is told too much: ${told.join(' ')} in ${text}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Rows and contents of every table; when a key was last used may change, and the chain follows what was there. */
async function fingerprint(): Promise<Record<string, string>> {
  const database = new Client({ connectionString: await findDatabaseUrl(dataDir) })
  await database.connect()
  const { rows: tables } = await database.query<{ name: string }>(
    `select tablename as name from pg_tables
     where schemaname = 'public' and tablename not in
       ('spatial_ref_sys', 'outbox_cursors', 'transfer_links', 'unlinked_transfers') order by 1`,
  )
  const found: Record<string, string> = {}
  for (const { name } of tables) {
    const row = name === 'api_keys' ? 't.id' : 't'
    const { rows } = await database.query<{ print: string }>(
      `select count(*) || ' ' || coalesce(md5(string_agg(${row}::text, '|' order by ${row}::text)), '') as print
       from ${name} t`,
    )
    found[name] = rows[0]?.print ?? ''
  }
  await database.end()
  return found
}

// Time runs faster for this player, and so do the frames that are allowed in it.
const quick = await createRest({ url }).get(signUpPlayer, { body: { timeScale: 100 } })
const before = await fingerprint()

const tables = { fields, money, moneyOut, bodies, addresses, callers }
for (const [name, table] of Object.entries(tables)) {
  t.test(`wrong ${name}: one documented refusal each`, async t => {
    for (const bad of table) await judge(t, bad)
  })
}

const noise: [what: string, bytes: string][] = [
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['headers without end', `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ['two lengths', 'POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
  [
    'a length and pieces',
    'POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a length below nothing', 'POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}'],
]

t.test('bytes that are no request: a refusal like any other, and the connection ends', async t => {
  for (const [what, bytes] of noise) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    // What is sent after the refusal may find nobody.
    socket.on('error', () => undefined)
    socket.write(bytes)
    const text = ((await socket.toArray()) as Buffer[]).join('')
    const [head = '', body = ''] = text.split('\r\n\r\n')
    t.match(head, /^HTTP\/1\.1 400 [^]*application\/problem\+json/, what)
    t.ok(Check(Problem, parse(body)), `${what}: ${body}`)
  }
})

/** What is wrong; the frame as it is sent; the pointer to the field at fault. */
const frames: [what: string, text: string | object, pointer: string][] = [
  ['an unknown type', { type: 'dance' }, '/type'],
  ['no type', {}, '/type'],
  ['a type of another kind', { type: 7 }, '/type'],
  ['an inherited type', { type: 'constructor' }, '/type'],
  ['a type of objects', { type: '__proto__' }, '/type'],
  ["the server's type", { type: 'welcome' }, '/type'],
  ['a list', '[]', ''],
  ['null', 'null', ''],
  ['a text', '"position"', ''],
  ['lat 91', { type: 'position', fix: { ...fix, lat: 91 } }, '/fix/lat'],
  ['swapped coordinates', { type: 'position', fix: { ...fix, lat: lng, lng: lat } }, '/fix/lat'],
  ['lat as text', { type: 'position', fix: { ...fix, lat: '31' } }, '/fix/lat'],
  ['a number too large', `{"type":"position","fix":{"lat":1e999,"lng":1,"accuracyM":1}}`, '/fix/lat'],
  ['an unknown datum', { type: 'position', fix: { ...fix, crs: 'moon' } }, '/fix/crs'],
  ['no such time', { type: 'position', fix: { ...fix, at: 'now' } }, '/fix/at'],
  ['no fix', { type: 'position' }, ''],
  ['an unknown field', { type: 'ping', x: 1 }, '/x'],
  ['an unknown field, deeper', { type: 'position', fix: { ...fix, x: 1 } }, '/fix/x'],
  ['__proto__', '{"type":"ping","__proto__":{"type":"claim"}}', '/__proto__'],
  ['__proto__, deeper', '{"type":"position","fix":{"__proto__":{"lat":1}}}', '/fix/__proto__'],
  ['constructor', '{"type":"ping","constructor":{"prototype":{"x":1}}}', '/constructor'],
  ['a long id', { type: 'ping', id: 'x'.repeat(65) }, '/id'],
  ['a number for an id', { type: 'ping', id: 7 }, '/id'],
  ['no envelope', { type: 'claim', envelopeId: '', fix }, '/envelopeId'],
  ['an envelope and a line', { type: 'claim', envelopeId: `${envelopeId}\n`, fix }, '/envelopeId'],
  ['a loud envelope', { type: 'claim', envelopeId: envelopeId.toUpperCase(), fix }, '/envelopeId'],
  ['a long word', { type: 'claim', envelopeId, fix, passphrase: 'x'.repeat(65) }, '/passphrase'],
  ['a second token', { type: 'hello', token }, '/token'],
]

t.test('wrong frames: one error each, and the session goes on', async t => {
  const play = openPlay(t, { socketUrl, token: quick.token })
  await play.frame('welcome')
  for (const [what, frame, pointer] of frames) {
    const from = play.frames.length
    play.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
    await play.ask({ type: 'ping' })
    const [error, ...more] = play.frames.slice(from).filter(({ type }) => type !== 'pong')
    t.match(error, { type: 'error', code: 'bad_frame' }, what)
    const pointers = error?.type === 'error' ? (error.errors ?? []).map(({ pointer }) => pointer) : []
    t.ok(pointers.includes(pointer), `${what}: ${pointer} among ${pointers.join(' ')}`)
    t.same(more, [], `${what}: no more than that`)
    t.notMatch(JSON.stringify(error), /34\.2599|108\.9468/, `${what}: no coordinates`)
  }
  t.match(await play.ask({ type: 'claim', envelopeId: elsewhere, fix }), { code: 'out_of_reach' })
})

const closing: [what: string, data: string | Buffer, code: number][] = [
  ['a frame of 5 KiB', JSON.stringify({ type: 'ping', id: 'x'.repeat(5 * 1024) }), closeCodes.tooBig],
  ['a binary frame', Buffer.from('{"type":"ping"}'), closeCodes.badFrame],
  ['no JSON', 'hello', closeCodes.badFrame],
  ['nothing', '', closeCodes.badFrame],
  ['NaN', '{"type":"position","fix":{"lat":NaN,"lng":1,"accuracyM":1}}', closeCodes.badFrame],
]

t.test('what no client of ours sends ends the connection with its code', async t => {
  for (const [what, data, code] of closing) {
    const play = openPlay(t, { socketUrl, token })
    await play.frame('welcome')
    play.send(data)
    t.equal(await play.closed(), code, what)
    const errors = play.frames.filter(frame => frame.type === 'error').map(({ code }) => code)
    const isTold = code === closeCodes.badFrame
    t.same(errors, isTold ? ['bad_frame'] : [], `${what}: ${isTold ? 'told why' : 'not read'}`)
  }
  const stranger = openPlay(t, { socketUrl, token: unsigned })
  t.equal(await stranger.closed(), closeCodes.unauthorized)
  const flood = openPlay(t, { socketUrl, token })
  await flood.frame('welcome')
  for (let sent = 0; sent < 60; sent++) flood.send('{"type":"ping"}')
  t.equal(await flood.closed(), closeCodes.flood)
})

t.test('after all that nothing has changed, and what is right works', async t => {
  t.ok(server.isRunning())
  t.same(await fingerprint(), before)
  for (const page of new Set(Object.values(tables).flatMap(table => table.map(([, , refusal]) => refusal)))) {
    const [, code] = page.split(' ')
    t.equal((await fetch(`${url}/problems/${code}`)).status, 200, `the page of ${code}`)
  }
  t.notMatch(server.stderr(), /"level":(50|60)/, 'no fault of ours')
  t.notMatch(server.stderr(), /34\.2599|108\.9468/, 'no coordinates in the log')
  t.notMatch(
    server.stderr(),
    new RegExp(`${token}|${merchantKey}|${operatorKey}`),
    'no credentials in the log',
  )

  const utf8 = await send(typed('Application/JSON; charset=UTF-8'))
  t.match(utf8, { status: 200, text: '{"accepted":true}' }, 'the one character set may be named')
  const { token: winner } = await createRest({ url }).get(signUpPlayer, { body: {} })
  const won = createRest({ url, credential: winner })
  t.match(await won.get(claimEnvelope, { id: envelopeId, body: { fix } }), { status: 'claimed' })
  t.equal(await server.pressCtrlC(), 0, server.stderr().split('\n').slice(-12).join('\n'))
})
