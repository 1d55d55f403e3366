/** Files of points: read however they are cut, refused by row and column, kept as one upload, dropped at. */
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createBinder } from '#platform/http.ts'
import type { UploadType } from '#protocol/operation.ts'
import { limits } from '#protocol/limits.ts'
import { createCampaignStage, must, plaza, reasonOf } from '../campaigns/stage.ts'
import { createAccountApp } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { campaignRecord } from '../../src/campaigns/postgres.ts'
import { fromWgs84 } from '../../src/geo/datum.ts'
import { measureM } from '../../src/geo/distance.ts'
import type { Caller } from '../../src/players/caller.ts'
import { uploadRecord } from '../../src/uploads/postgres.ts'
import { readPoints } from '../../src/uploads/read.ts'
import { registerUploadRoutes } from '../../src/uploads/routes.ts'
import { createUploadVerb, type UploadPorts } from '../../src/uploads/upload-points.ts'

const [csv, geojson] = ['text/csv', 'application/geo+json'] as const

/** `bytes` at a time; the whole by default. */
async function* cut(content: string | Uint8Array, bytes = Infinity): AsyncGenerator<Uint8Array> {
  const whole = Buffer.from(content)
  for (let at = 0; at < whole.length; at += bytes) yield whole.subarray(at, at + bytes)
}

const read = (type: UploadType, content: string | Uint8Array, bytes?: number) =>
  readPoints({ type, pieces: cut(content, bytes) }, 'wgs84')

/** `lng lat @row` of each point, or the reason and every error. */
function describe(outcome: Awaited<ReturnType<typeof read>>): string[] {
  if (outcome.status === 'refused') {
    const errors = (outcome.errors ?? []).map(({ pointer, message }) => `${pointer} ${message}`)
    return [outcome.reason ?? outcome.code, ...errors]
  }
  const { places, rows } = outcome.uploaded
  return [...rows].map((row, i) => `${places.lngs[i]} ${places.lats[i]} @${row}`)
}

const feature = (coordinates: unknown) =>
  JSON.stringify({ type: 'Feature', properties: { a: '}]"\\' }, geometry: { type: 'Point', coordinates } })
const collection = (...features: string[]) =>
  `{"type":"FeatureCollection","features":[${features.join(',')}]}`
const good = feature([121.5, 31.25])

const files: [what: string, type: UploadType, content: string | Uint8Array, expected: string[]][] = [
  ['a header and a row', csv, 'lat,lng\n31.25,121.5\n', ['121.5 31.25 @2']],
  ['no line break at the end', csv, 'lat,lng\n31.25,121.5', ['121.5 31.25 @2']],
  ['CRLF', csv, 'lat,lng\r\n31.25,121.5\r\n-1,2\r\n', ['121.5 31.25 @2', '2 -1 @3']],
  ['CR alone', csv, 'lat,lng\r31.25,121.5\r', ['121.5 31.25 @2']],
  ['a byte order mark', csv, '\ufefflat,lng\n1,2\n', ['2 1 @2']],
  ['other columns, other order', csv, 'name, Longitude ,LATITUDE\nA,2,1\n', ['2 1 @2']],
  ['semicolons', csv, 'name;lat;lng\n"a, b";1;2\n', ['2 1 @2']],
  ['tabs', csv, 'lat\tlng\n1\t2\n', ['2 1 @2']],
  ['Chinese names', csv, '名称,纬度,经度\n喷泉,1,2\n', ['2 1 @2']],
  [
    'quotes, with all that is in them',
    csv,
    'n,lat,lng\n"a ""b"", c\r\nd","1","2"\nx,3,4\n',
    ['2 1 @2', '4 3 @3'],
  ],
  ['a quote inside of a field', csv, 'n,lat,lng\n5" pipe,1,2\n', ['2 1 @2']],
  ['empty lines', csv, 'lat,lng\n\n1,2\n\n\n3,4\n\n', ['2 1 @3', '4 3 @6']],
  ['the antimeridian has one name', csv, 'lat,lng\n0,180\n-0,-180\n', ['-180 0 @2', '-180 0 @3']],
  ['an empty file', csv, '', ['columns']],
  ['a header alone', csv, 'lat,lng\n', ['no_points']],
  ['no header', csv, '31.25,121.5\n', ['columns']],
  ['lat twice', csv, 'lat,latitude,lng\n1,2,3\n', ['columns']],
  ['no lng', csv, 'lat,name\n1,2\n', ['columns']],
  ['a quote that does not end', csv, 'n,lat,lng\n"a,1,2\n', ['file_cut']],
  ['cut in the header', csv, 'n,lat,"ln', ['file_cut']],
  ['cut in a row', csv, 'n,lat,lng\na,1,2\nb,3', ['rows_refused', '/rows/3 has 2 columns, and the header 3']],
  ['not UTF-8', csv, Buffer.from('n,lat,lng\n\xe9,1,2\n', 'latin1'), ['not_utf8']],
  ['UTF-16', csv, Buffer.from('\ufefflat,lng\n1,2\n', 'utf16le'), ['not_utf8']],
  ['cut inside of a character', csv, Buffer.from('lat,lng,n\n1,2,喷').subarray(0, -1), ['not_utf8']],
  [
    'what is wrong, row by row',
    csv,
    'lat,lng\nx,2\n,2\n91,2\n1,-180.5\n1e1,NaN\n1,2,3\n0x1,1\n"1"2,3\n1,2\n',
    [
      'rows_refused',
      ...['/rows/2/lat is not a number in decimal degrees', '/rows/3/lat is empty'],
      ...['/rows/4/lat is not between -90 and 90', '/rows/5/lng is not between -180 and 180'],
      ...['/rows/6/lat is not a number in decimal degrees', '/rows/6/lng is not a number in decimal degrees'],
      ...['/rows/7 has 3 columns, and the header 2', '/rows/8/lat is not a number in decimal degrees'],
      '/rows/9 goes on behind a closing quote',
    ],
  ],
  [
    'a row without end',
    csv,
    `lat,lng\n1,"${'2'.repeat(limits.upload.rowChars)}`,
    ['rows_refused', `/rows/2 is longer than ${limits.upload.rowChars} characters`],
  ],
  ['a feature', geojson, collection(good), ['121.5 31.25 @0']],
  [
    'two, with altitude and blanks',
    geojson,
    collection(` ${good}\n`, feature([1, 2, 3])),
    ['121.5 31.25 @0', '1 2 @1'],
  ],
  ['a byte order mark', geojson, `\ufeff${collection(good)}`, ['121.5 31.25 @0']],
  [
    'members before and behind',
    geojson,
    `{"crs":{"a":[1,{"features":[2]}]},"features" :\n[ ${good} ] , "type":"FeatureCollection","x":"]}"} \n`,
    ['121.5 31.25 @0'],
  ],
  ['no features', geojson, collection(), ['no_points']],
  ['no file', geojson, '', ['not_geojson']],
  ['a feature alone', geojson, good, ['not_geojson']],
  ['a list', geojson, `[${good}]`, ['not_geojson']],
  ['of another type', geojson, `{"type":"Topology","features":[${good}]}`, ['not_geojson']],
  ['something behind it', geojson, `${collection(good)}{}`, ['not_geojson']],
  [
    'features twice',
    geojson,
    `{"features":[],"type":"FeatureCollection","features":[${good}]}`,
    ['not_geojson'],
  ],
  ['a comma too many', geojson, `{"type":"FeatureCollection","features":[${good}],}`, ['not_geojson']],
  [
    'something behind the list',
    geojson,
    `{"type":"FeatureCollection","features":[${good}]1}`,
    ['not_geojson'],
  ],
  ['a bracket of another kind', geojson, `{"type":"FeatureCollection","features":[${good}}`, ['not_geojson']],
  ['cut behind a feature', geojson, `{"type":"FeatureCollection","features":[${good},`, ['file_cut']],
  ['cut behind the list', geojson, `{"type":"FeatureCollection","features":[${good}]`, ['file_cut']],
  ['cut in a feature', geojson, collection(good).slice(0, -20), ['file_cut']],
  ['not UTF-8', geojson, Buffer.from(collection(good).replace('}]', '\xe9'), 'latin1'), ['not_utf8']],
  [
    'what is wrong, feature by feature',
    geojson,
    collection(
      ...[
        '{"type":"Point","coordinates":[1,2]}',
        '{"type":"Feature","geometry":null}',
        '[1,2]',
        '{'.repeat(0),
        '{"a"}',
      ],
      ...[feature([1]), feature(['1', 2]), feature([181, -91]), feature([null, '2']), good],
    ),
    [
      'rows_refused',
      ...['/features/0/type is not Feature', '/features/1/geometry is not a Point'],
      ...['/features/2 is not a JSON object', '/features/3 is not a JSON object'],
      ...[
        '/features/4 is not a JSON object',
        '/features/5/geometry/coordinates is not longitude and latitude',
      ],
      '/features/6/geometry/coordinates/0 is not a number',
      '/features/7/geometry/coordinates/1 is not between -90 and 90',
      '/features/7/geometry/coordinates/0 is not between -180 and 180',
      '/features/8/geometry/coordinates/1 is not a number',
      '/features/8/geometry/coordinates/0 is not a number',
    ],
  ],
  [
    'a feature without end',
    geojson,
    `{"type":"FeatureCollection","features":[${good},{"a":"${'x'.repeat(limits.upload.rowChars)}`,
    ['rows_refused', `/features/1 is longer than ${limits.upload.rowChars} characters`],
  ],
]

const stage = await createCampaignStage(t)

t.test('what a file says, however the wire cuts it', async t => {
  for (const [what, type, content, expected] of files) {
    for (const bytes of [Infinity, 1, 3, 64]) {
      const outcome = describe(await read(type, content, bytes))
      t.same(sortErrors(outcome), sortErrors(expected), `${type}: ${what}, ${bytes} bytes at a time`)
    }
  }
})

/** Of one feature either coordinate may be named first. */
const sortErrors = ([first, ...errors]: string[]) => [first, ...errors.sort()]

t.test('whatever is written into a file is read from it', async t => {
  const degrees = (most: number) => fc.integer({ min: -most * 1e6, max: most * 1e6 - 1 }).map(n => n / 1e6)
  const point = fc.record({
    lat: degrees(90),
    lng: degrees(180),
    name: fc.string({ unit: 'grapheme', maxLength: 20 }),
  })
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  await fc.assert(
    fc.asyncProperty(
      fc.array(point, { minLength: 1, maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom(',', ';', '\t'),
      fc.integer({ min: 1, max: 40 }),
      async (points, end, separator, bytes) => {
        const lines = points.map(({ lat, lng, name }) => [quoted(name), lng.toFixed(6), lat.toFixed(6)])
        const text = [['name', 'lng', 'lat'], ...lines].map(line => line.join(separator)).join(end)
        const found = describe(await read(csv, text, bytes))
        t.same(
          found.map(line => line.replace(/ @\d+/, '')),
          points.map(p => `${p.lng + 0} ${p.lat + 0}`),
        )
        const features = points.map(({ lat, lng, name }) => ({
          ...{ type: 'Feature', properties: { name }, geometry: { type: 'Point', coordinates: [lng, lat] } },
        }))
        const json = JSON.stringify({ name: 'x', features, type: 'FeatureCollection' }, null, bytes % 3)
        t.same(
          describe(await read(geojson, json, bytes)),
          points.map((p, i) => `${p.lng + 0} ${p.lat + 0} @${i}`),
        )
      },
    ),
    { numRuns: 60 },
  )
})

t.test('a file has a size, points and faults, and nobody reads on behind them', async t => {
  let pieces = 0
  async function* endless(head: string, piece: string) {
    yield Buffer.from(head)
    const bytes = Buffer.from(piece)
    for (;;) {
      pieces++
      yield bytes
    }
  }
  const wrong = await readPoints({ type: csv, pieces: endless('lat,lng\n', 'x,2\n') }, 'wgs84')
  t.match(wrong, { reason: 'rows_refused' })
  t.equal(wrong.status === 'refused' && wrong.errors?.length, limits.upload.errors)
  t.equal(pieces, limits.upload.errors, 'the rest is not read')
  pieces = 0
  const many = await readPoints({ type: csv, pieces: endless('lat,lng\n', '1,2\n'.repeat(1_000)) }, 'wgs84')
  t.match(many, { reason: 'too_many_points' })
  t.equal(pieces, limits.upload.points / 1_000 + 1)
  pieces = 0
  const large = await readPoints({ type: geojson, pieces: endless('{', ' '.repeat(65_536)) }, 'wgs84')
  t.match(large, { reason: 'not_geojson' }, 'no member is that long')
  const blank = await readPoints({ type: geojson, pieces: endless('', ' '.repeat(65_536)) }, 'wgs84')
  t.match(blank, { code: 'payload_too_large' })
  const full = `lat,lng\n${'1,2\n'.repeat(limits.upload.points)}`
  t.equal((await read(csv, full, 65_536)).status, 'ok', 'as many as a drop has envelopes')
})

const { world, campaigns, launchNew, drop, orderOf, fill, ask, createMerchant } = stage
const { database, clock } = world

t.afterEach(async () => assertBooks(t, world))

const ports: UploadPorts = {
  ...{ database, clock, campaigns: campaignRecord, areas: areaRecord, record: uploadRecord },
}
const upload = createUploadVerb(ports)
type Campaign = Awaited<ReturnType<typeof launchNew>>
const send = ({ merchant, id }: Campaign, content: string, crs: 'wgs84' | 'gcj02' = 'wgs84') =>
  upload({ caller: merchant, id, file: { type: csv, pieces: cut(content) }, crs })
const errorsOf = (answer: object) =>
  (answer as { errors?: { pointer: string; message: string }[] }).errors?.map(
    e => `${e.pointer} ${e.message}`,
  )

const spots = [
  { lat: 31.229, lng: 121.472 },
  { lat: 31.23, lng: 121.473 },
  { lat: 31.231, lng: 121.474 },
]
const fileOf = (points: readonly { lat: number; lng: number }[]) =>
  `lat,lng\n\n${points.map(({ lat, lng }) => `${lat},${lng}`).join('\n')}\n`

t.test('an upload is dropped at exactly where it says, in whatever datum it was made', async t => {
  const campaign = await launchNew()
  const shifted = spots.map(spot => fromWgs84(spot, 'gcj02'))
  for (const [points, crs] of [
    [spots, 'wgs84'],
    [shifted, 'gcj02'],
  ] as const) {
    const { body } = must(await send(campaign, fileOf(points), crs))
    t.match(body, { campaignId: campaign.id, format: 'csv', points: 3 })
    const strategy = { type: 'uploaded' as const, uploadId: body.id }
    const seen = must(
      await campaigns.preview({ caller: campaign.merchant, id: campaign.id, body: orderOf({ strategy }) }),
    )
    t.match(seen.body, { envelopes: 3, cost: { amountMinor: '300' } })
    const dropped = must(await drop(campaign.merchant, campaign.id, { strategy }))
    await fill()
    const places = await ask<{ lat: number; lng: number }>(
      `select st_y(place::geometry) as lat, st_x(place::geometry) as lng from envelopes where drop_id = $1 order by 1`,
      [dropped.body.id],
    )
    t.equal(places.length, 3)
    for (const [i, place] of places.entries()) t.ok(measureM(place, spots[i]!) < 0.01, `${crs} ${i}`)
  }
})

t.test('each point that lies where nobody hides is named by its row, now and at the drop', async t => {
  const campaign = await launchNew()
  const wrong = [spots[0]!, { lat: 31.229, lng: 121.48 }, spots[1]!, { lat: -31, lng: 121.472 }]
  const refused = await send(campaign, fileOf(wrong))
  t.equal(reasonOf(refused), 'upload_refused rows_refused')
  t.same(errorsOf(refused), ['/rows/4 lies outside of the campaign', '/rows/6 lies outside of the campaign'])
  t.same(await ask('select id from uploads where campaign_id = $1', [campaign.id]), [], 'all or none')
  const { body } = must(await send(campaign, fileOf([...spots, { lat: 31.23, lng: 121.47301 }])))
  await database.transact(tx =>
    areaRecord.addExclusion(tx, {
      ...{ id: '019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17', name: 'School', createdAtMs: clock.nowMs() },
      area: { ...plaza, type: 'Polygon', coordinates: [boxOf(121.4715, 31.2285, 121.4725, 31.2295)] },
    }),
  )
  const strategy = { type: 'uploaded' as const, uploadId: body.id }
  const late = await drop(campaign.merchant, campaign.id, { strategy, spacingM: 30 })
  t.equal(reasonOf(late), 'drop_refused points_refused')
  t.same(errorsOf(late), [
    '/rows/3 lies in an exclusion area',
    '/rows/6 is nearer to another than the spacing',
  ])
  await ask('update exclusion_areas set removed_at = now()')
  t.equal(reasonOf(await drop(campaign.merchant, campaign.id, { strategy })), '202')
})

const boxOf = (west: number, south: number, east: number, north: number): [number, number][] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
]

t.test('uploads are their campaign’s, one for the same points, and not kept for ever', async t => {
  const campaign = await launchNew()
  const first = must(await send(campaign, fileOf(spots))).body
  clock.advance(1_000)
  t.equal(must(await send(campaign, fileOf(spots))).body.id, first.id, 'a repetition is the same')
  const other = await launchNew()
  t.not(must(await send(other, fileOf(spots))).body.id, first.id)
  const strategy = { type: 'uploaded' as const, uploadId: first.id }
  t.equal(reasonOf(await drop(other.merchant, other.id, { strategy })), 'drop_refused upload_unknown')
  const stranger = { merchant: await createMerchant(), id: campaign.id }
  t.equal(reasonOf(await send(stranger, fileOf(spots))), 'not_found')
  for (let i = 0; i < limits.upload.kept; i++) {
    clock.advance(1_000)
    must(await send(campaign, fileOf([{ lat: 31.229, lng: 121.472 + i * 1e-5 }])))
  }
  const kept = await ask<{ id: string }>('select id from uploads where campaign_id = $1', [campaign.id])
  t.equal(kept.length, limits.upload.kept)
  t.notOk(
    kept.some(({ id }) => id === first.id),
    'the oldest is forgotten',
  )
  must(await campaigns.move({ caller: campaign.merchant, id: campaign.id, to: 'ended' }))
  t.equal(reasonOf(await send(campaign, fileOf(spots))), 'campaign_state ended')
  await stage.settleAll()
  t.same(await ask('select id from uploads where campaign_id = $1', [campaign.id]), [])
})

t.test('one that ends while its file is read keeps nothing', async t => {
  const campaign = await launchNew()
  async function* slow() {
    yield Buffer.from(fileOf(spots))
    must(await campaigns.move({ caller: campaign.merchant, id: campaign.id, to: 'ended' }))
  }
  const sent = { caller: campaign.merchant, id: campaign.id, crs: 'wgs84' } as const
  t.equal(reasonOf(await upload({ ...sent, file: { type: csv, pieces: slow() } })), 'campaign_state ended')
  await stage.settleAll()
})

t.test('a few are read at a time, and more are told to come again', async t => {
  const campaign = await launchNew()
  let release = () => {}
  const gate = new Promise<void>(resolve => (release = resolve))
  let begun = 0
  let allBegun = () => {}
  const areReading = new Promise<void>(resolve => (allBegun = resolve))
  async function* held() {
    yield Buffer.from(fileOf(spots))
    if (++begun === limits.upload.atOnce) allBegun()
    await gate
  }
  const sent = { caller: campaign.merchant, id: campaign.id, crs: 'wgs84' } as const
  const reading = Array.from({ length: limits.upload.atOnce }, () =>
    upload({ ...sent, file: { type: csv, pieces: held() } }),
  )
  await areReading
  await t.rejects(send(campaign, fileOf(spots)), { name: 'Unavailable' }, '503 with Retry-After')
  release()
  for (const answer of await Promise.all(reading)) t.equal(answer.status, 201)
  t.equal((await send(campaign, fileOf(spots))).status, 201, 'there is room again')
})

t.test('over HTTP: by its type, as a stream, and whatever the client does', async t => {
  const { app, authenticator, send: ask } = await createAccountApp(t, world)
  const bind = createBinder<Caller>(app, { sandbox: true, authenticate: authenticator.authenticate })
  registerUploadRoutes(bind, upload)
  const merchant = await createMerchant()
  const secret = await makeKey(ask, merchant)
  const { body } = must(
    await campaigns.create({ caller: secret.caller, body: stage.planOf(), idempotencyKey: 'x' }),
  )
  const url = `/v1/campaigns/${body.id}/uploads`
  const file = fileOf(spots)
  const post = (type: string | undefined, content: string, query = '') =>
    ask({
      ...{ method: 'POST', url: `${url}${query}`, credential: secret.key, body: content },
      headers: type === undefined ? { 'content-type': '' } : { 'content-type': type },
    })
  t.match(await post('text/csv', file), { status: 201, body: { format: 'csv', points: 3 } })
  t.match(await post('Text/CSV; charset=UTF-8', file), { status: 201 })
  t.match(await post('application/geo+json', collection(feature([121.472, 31.229]))), {
    ...{ status: 201, body: { format: 'geojson', points: 1 } },
  })
  for (const type of [
    'application/json',
    'text/plain',
    'text/csv; charset=gbk',
    'multipart/form-data; boundary=x',
    undefined,
  ])
    t.match(await post(type, file), { status: 415, body: { code: 'unsupported_media_type' } }, String(type))
  t.match(await post('text/csv', ''), { status: 422, body: { reason: 'columns' } })
  t.match(await post('text/csv', 'lat,lng\n91,0\n'), {
    ...{ status: 422, body: { code: 'upload_refused', errors: [{ pointer: '/rows/2/lat' }] } },
  })
  t.match(await post('text/csv', file, '?crs=moon'), { status: 400 })
  t.match(
    await ask({
      ...{ method: 'POST', url: '/v1/players', body: file },
      headers: { 'content-type': 'text/csv' },
    }),
    {
      ...{ status: 415, body: { code: 'unsupported_media_type' } },
    },
  )
  await overTheWire(t, { app, url, key: secret.key, file })
})

type AccountApp = Awaited<ReturnType<typeof createAccountApp>>

async function makeKey(ask: AccountApp['send'], merchant: { id: string }) {
  const { operatorKey } = await import('../helpers/account-app.ts')
  const made = await ask({
    ...{ method: 'POST', url: '/v1/operator/merchants', credential: operatorKey, key: merchant.id },
    body: { name: 'Mall' },
  })
  const { id } = made.body.merchant as { id: string }
  return { key: String(made.body.secret), caller: { ...merchant, id } as never }
}

/** Larger than any body of JSON, in pieces; and a client that goes away in the middle. */
async function overTheWire(
  t: Test,
  { app, url, key, file }: { app: AccountApp['app']; url: string; key: string; file: string },
): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const open = () =>
    httpRequest({
      ...{ port, path: url, method: 'POST' },
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv', 'transfer-encoding': 'chunked' },
    })
  const whole = open()
  const answered = once(whole, 'response')
  const spot = '31.229,121.472\n'
  for (let rows = 0; rows < 5_000; rows += 1_000) whole.write(rows === 0 ? file : spot.repeat(1_000))
  whole.end()
  const [response] = (await answered) as [import('node:http').IncomingMessage]
  t.equal(response.statusCode, 201)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  t.match(JSON.parse(Buffer.concat(chunks).toString()), { points: 4_003 })
  const gone = open()
  gone.on('error', () => undefined)
  gone.write(file)
  await once(gone, 'socket')
  gone.destroy()
  const next = open()
  next.end(file)
  const [again] = (await once(next, 'response')) as [import('node:http').IncomingMessage]
  t.equal(again.statusCode, 201, 'others are served')
  again.resume()
}
