/**
 * Whole rounds over REST and sockets, as players see them: hide, notice, walk, claim, empty; closed circles and words;
 * close and expiry with the money back; a phone that speaks another datum. Nobody learns a place before they won there.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import t from 'tap'
import { claimEnvelope, getClaim, listClaims } from '#protocol/rest/claims.ts'
import {
  closeEnvelope,
  type Envelope,
  getEnvelope,
  type HideBody,
  hideEnvelope,
  listEnvelopeClaims,
  listEnvelopes,
  listOwnEnvelopes,
  verifyEnvelope,
} from '#protocol/rest/envelopes.ts'
import { getChainHead } from '#protocol/rest/merchants.ts'
import { getWallet, listWalletTransfers, sendPosition } from '#protocol/rest/players.ts'
import { eventually } from './eventually.ts'
import { findDatabaseUrl, makeDataDir, readLogs, startServer } from './launch.ts'
import { askAtRest, fixAt, north, type Person, type Point, signUp, stand, walk } from './person.ts'

t.setTimeout(240_000)

const dataDir = await makeDataDir(t)
const server = await startServer(t, { dataDir, env: { LOG_LEVEL: 'trace' } })
const world = server.banner

/** Where something was hidden, in whatever datum. */
const hidden: Point[] = []
const hide = (hider: Person, place: Point, change: Partial<HideBody> = {}): Promise<Envelope> => {
  hidden.push(place)
  return hider.get(hideEnvelope, {
    idempotencyKey: `hide-${hidden.length}`,
    body: {
      place: { type: 'Point', coordinates: [place.lng, place.lat] },
      total: { amountMinor: '1000', currency: 'CNY' },
      shares: 2,
      split: 'lucky',
      fix: fixAt(place),
      ...change,
    },
  })
}

const claimAt = (place: Point, more: object = {}) => ({ fix: fixAt(place), ...more })

async function balanceOf(person: Person): Promise<bigint> {
  const { balances } = await person.get(getWallet)
  return balances.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)
}

/** Ids of what one sees from where one stands. */
async function listAround(person: Person): Promise<(string | undefined)[]> {
  const { features, numberReturned } = await person.get(listEnvelopes)
  if (features.length !== numberReturned) throw new Error('the list is not as long as it says')
  return features.map(({ id }) => id)
}

/** A latitude or longitude to four decimals, which is 10 m, or any cell finer than the hint's. */
function findPlace(heard: readonly string[], place: Point): string[] {
  const digits = [place.lat, place.lng].map(degrees =>
    String(degrees).slice(0, String(degrees).indexOf('.') + 5),
  )
  const cells = /\b8[b-f][0-9a-f]{13}\b/
  return heard.filter(text => cells.test(text) || digits.some(number => text.includes(number)))
}

/**
 * To and fro until that is too fast: on a clock that runs 120 times as fast, 300 m in 60 ms are a ride, and no leap; a
 * stalled machine makes a walk of it.
 */
async function rushAbout({ get, call }: Person, places: readonly Point[]): Promise<string> {
  for (;;) {
    for (const place of places) {
      await sleep(60)
      await get(sendPosition, { body: { fix: fixAt(place) } })
    }
    const listed = await call(listEnvelopes)
    if (listed.status === 'refused') return `${listed.problem.code} ${listed.problem.reason}`
  }
}

t.test('a whole round', async t => {
  const place = { lat: 30.65741, lng: 104.06573 }
  const [lin, mei, wang, zhao, late] = await Promise.all([
    signUp(t, world),
    signUp(t, world, { timeScale: 120 }),
    signUp(t, world),
    signUp(t, world),
    signUp(t, world),
  ])
  const start = north(place, -300)
  const [linPlay, meiPlay, zhaoPlay] = await Promise.all([
    lin.play(),
    mei.play(start),
    zhao.play(north(place, 280)),
  ])
  t.same(await listAround(mei), [], 'nothing is here yet')

  const before = await balanceOf(lin)
  const envelope = await hide(lin, place, { greeting: '恭喜发财', clue: { text: 'Look up' } })
  const { id } = envelope
  t.match(envelope, { state: 'live', own: { place: { coordinates: [place.lng, place.lat] } } })
  t.equal(await balanceOf(lin), before - 1_000n)
  const hint = await meiPlay.frame('hint', frame => frame.envelopeId === id)
  t.match(hint, { kind: 'player', audience: 'anyone', greeting: '恭喜发财', clue: { text: 'Look up' } })
  await zhaoPlay.frame('hint', frame => frame.envelopeId === id)
  t.same(await listAround(mei), [id])
  t.same(await listAround(zhao), [id])
  await lin.get(sendPosition, { body: { fix: fixAt(place) } })
  t.same(await listAround(lin), [], 'a hider is not sent to their own')

  const seen = await zhao.get(getEnvelope, { id })
  t.match(seen.commitment, /^[0-9a-f]{64}$/)
  t.same([seen.own, seen.total], [undefined, undefined])
  t.equal(await zhao.refusal(verifyEnvelope, { id }), 'not_found', 'no seed while it lives')
  t.equal(await zhao.refusal(listEnvelopeClaims, { id }), 'not_found')
  const early = await meiPlay.ask({ type: 'claim', envelopeId: id, fix: fixAt(start) })
  t.match(early, { type: 'error', code: 'out_of_reach' })
  t.equal(await lin.refusal(claimEnvelope, { id, body: claimAt(place) }), 'own_envelope')

  await walk(meiPlay, start, place)
  const bands = meiPlay.frames.flatMap(frame => (frame.type === 'hint' ? [frame.band] : []))
  t.match(bands.at(-1), /here|hot/, `warmer and warmer: ${bands.join(' ')}`)
  t.same(
    bands,
    [...bands].sort((a, b) => heat.indexOf(a) - heat.indexOf(b)),
  )
  t.same(findPlace([...mei.heard, ...wang.heard], place), [], 'nobody was told where it is')

  const won = await askAtRest(meiPlay, { type: 'claim', envelopeId: id, fix: fixAt(place) })
  if (won.type !== 'claim.result' || won.result.status !== 'claimed') throw new Error(JSON.stringify(won))
  const { claimId, amount } = won.result
  t.match(await meiPlay.frame('wallet.changed'), { kind: 'claim', amount, envelopeId: id })
  t.match(await meiPlay.frame('gone'), { envelopeId: id, reason: 'claimed' })
  const found = await linPlay.frame('envelope.found')
  t.match(found, { envelopeId: id, amount, sharesLeft: 1 })
  t.not(found.winner, mei.id, 'the hider knows no winner')
  t.same(await mei.get(claimEnvelope, { id, body: claimAt(start) }), won.result, 'asked again elsewhere')
  t.equal(await rushAbout(mei, [place, start]), 'hints_paused speed', 'nobody gets about that fast')
  await stand(meiPlay, start)
  t.same(await listAround(mei), [])
  t.match((await lin.get(listEnvelopeClaims, { id })).items, [{ claimId, amount, winner: found.winner }])

  const second = await wang.get(claimEnvelope, { id, body: claimAt(place) })
  t.match(second, { status: 'claimed', envelopeId: id })
  t.match(await linPlay.frame('envelope.found', ({ sharesLeft }) => sharesLeft === 0), { envelopeId: id })
  t.match(await zhaoPlay.frame('gone'), { envelopeId: id, reason: 'empty' })
  t.equal(await late.refusal(claimEnvelope, { id, body: claimAt(place) }), 'ended empty')
  t.same(await listAround(zhao), [])

  const wins = [amount, 'amount' in second ? second.amount : undefined].map(one =>
    BigInt(one?.amountMinor ?? 0),
  )
  t.equal(
    wins.reduce((a, b) => a + b, 0n),
    1_000n,
    'all of it was won',
  )
  const proof = await zhao.get(verifyEnvelope, { id })
  t.match(proof, { valid: true, commitment: seen.commitment, total: { amountMinor: '1000' }, shares: 2 })
  t.same(proof.amountsMinor.map(BigInt).sort(), wins.sort())
  const committed = `hexbao-split-v1\n${proof.seed}\n${proof.amountsMinor.join(',')}`
  t.equal(createHash('sha256').update(committed).digest('hex'), seen.commitment, 'as it was promised')
  const winners = (await zhao.get(listEnvelopeClaims, { id })).items
  t.equal(winners.filter(({ bestLuck }) => bestLuck).length, 1)
  t.equal(new Set(winners.map(({ winner }) => winner)).size, 2)
  t.match(await zhao.get(getEnvelope, { id }), { state: 'empty', total: { amountMinor: '1000' } })
  t.same(findPlace([...zhao.heard, ...late.heard], place), [], 'who won nothing never learns the place')

  t.match(await mei.get(getClaim, { id: claimId }), { place: { coordinates: [place.lng, place.lat] } })
  t.match((await mei.get(listClaims)).items, [{ claimId, amount }])
  t.equal(
    await zhao.refusal(getClaim, { id: claimId }),
    'claim_not_settled',
    "others' claims are nobody's business",
  )
  t.match((await mei.get(listWalletTransfers)).items, [
    { kind: 'claim', direction: 'in', amount, envelopeId: id },
    { kind: 'test_money', direction: 'in' },
  ])
  t.match((await lin.get(listWalletTransfers)).items, [
    { kind: 'escrow', direction: 'out', amount: { amountMinor: '1000' }, envelopeId: id },
    { kind: 'test_money', direction: 'in' },
  ])
  t.match((await lin.get(listOwnEnvelopes)).items, [
    { id, own: { claimedShares: 2, escrow: { amountMinor: '0' } } },
  ])
})

const heat = ['cool', 'warm', 'hot', 'here']

t.test('for some only: a circle of players, and whoever knows the word', async t => {
  const place = { lat: 30.25263, lng: 120.14925 }
  const [lin, mei, wang] = await Promise.all([signUp(t, world), signUp(t, world), signUp(t, world)])
  const [meiPlay, wangPlay] = await Promise.all([mei.play(place), wang.play(place)])
  const circle = await hide(lin, place, { audience: { type: 'players', playerIds: [mei.id] } })
  const word = await hide(lin, place, { audience: { type: 'passphrase', passphrase: 'spring wind' } })

  await meiPlay.frame('hint', ({ envelopeId }) => envelopeId === circle.id)
  const hint = await wangPlay.frame('hint', ({ envelopeId }) => envelopeId === word.id)
  t.equal(hint.audience, 'passphrase')
  t.same(await listAround(wang), [word.id], 'a stranger does not see the circle')
  t.same((await listAround(mei)).sort(), [circle.id, word.id].sort())

  const nowhere = '00000000-0000-7000-8000-000000000000'
  const [uninvited, absent, ignorant, wrong] = await Promise.all(
    [
      { id: circle.id, body: claimAt(place) },
      { id: nowhere, body: claimAt(place) },
      { id: word.id, body: claimAt(place) },
      { id: word.id, body: claimAt(place, { passphrase: 'autumn wind' }) },
    ].map(call => wang.call(claimEnvelope, call)),
  )
  t.match(absent, { status: 'refused', code: 'out_of_reach' })
  t.same([uninvited, ignorant, wrong], [absent, absent, absent], 'all of it is one and the same refusal')
  t.notMatch([...wang.heard, ...mei.heard].join(), 'spring wind', 'the word is told to nobody')

  const passphrase = 'spring wind'
  t.match(await wang.get(claimEnvelope, { id: word.id, body: claimAt(place, { passphrase }) }), {
    status: 'claimed',
  })
  t.match(await mei.get(claimEnvelope, { id: circle.id, body: claimAt(place) }), { status: 'claimed' })
  t.same(findPlace([...wang.heard, ...mei.heard], place), [])
})

/** Ends an envelope's time now: an hour of waiting is nothing that a test has. */
async function letExpire(id: string): Promise<void> {
  const database = new Client({ connectionString: await findDatabaseUrl(dataDir) })
  await database.connect()
  const past = "opens_at = now() - interval '2 h', expires_at = now() - interval '1 s', epoch = epoch + 1"
  await database.query(`update envelopes set ${past} where id = $1`, [id])
  await database.end()
}

t.test('closed or expired: the rest comes back, once', async t => {
  const place = { lat: 22.54371, lng: 114.05921 }
  const [lin, wang, zhao] = await Promise.all([signUp(t, world), signUp(t, world), signUp(t, world)])
  const [linPlay, zhaoPlay] = await Promise.all([lin.play(), zhao.play(place)])
  const before = await balanceOf(lin)
  const closed = await hide(lin, place, { shares: 3 })
  const expired = await hide(lin, place)
  for (const { id } of [closed, expired]) await zhaoPlay.frame('hint', ({ envelopeId }) => envelopeId === id)
  const won = await wang.get(claimEnvelope, { id: closed.id, body: claimAt(place) })
  if (won.status !== 'claimed') throw new Error('the claim is pending')

  t.equal(await wang.refusal(closeEnvelope, { id: closed.id }), 'not_found', 'only the hider closes')
  const answer = await lin.get(closeEnvelope, { id: closed.id })
  const rest = { amountMinor: String(1_000n - BigInt(won.amount?.amountMinor ?? 0)), currency: 'CNY' }
  t.match(answer, { envelope: { state: 'closed' }, refund: rest })
  t.same(await lin.get(closeEnvelope, { id: closed.id }), answer, 'closing again changes nothing')
  t.match(await linPlay.frame('wallet.changed'), { kind: 'refund', amount: rest, envelopeId: closed.id })
  t.match(await zhaoPlay.frame('gone', ({ envelopeId }) => envelopeId === closed.id), { reason: 'closed' })
  t.equal(await zhao.refusal(claimEnvelope, { id: closed.id, body: claimAt(place) }), 'ended closed')
  t.same(await wang.get(claimEnvelope, { id: closed.id, body: claimAt(place) }), won, 'a win stays won')

  await letExpire(expired.id)
  t.match(await zhaoPlay.frame('gone', ({ envelopeId }) => envelopeId === expired.id), { reason: 'expired' })
  const refund = await linPlay.frame('wallet.changed', ({ envelopeId }) => envelopeId === expired.id)
  t.match(refund, { kind: 'refund', amount: { amountMinor: '1000' } })
  t.equal(await zhao.refusal(claimEnvelope, { id: expired.id, body: claimAt(place) }), 'ended expired')
  t.equal(await lin.refusal(closeEnvelope, { id: expired.id }), 'ended expired')

  t.equal(await balanceOf(lin), before - BigInt(won.amount?.amountMinor ?? 0))
  const kinds = (await lin.get(listWalletTransfers)).items.map(({ kind }) => kind)
  t.same(kinds, ['refund', 'refund', 'escrow', 'escrow', 'test_money'])
  t.same((await zhao.get(verifyEnvelope, { id: expired.id })).valid, true)
  t.same(findPlace(zhao.heard, place), [])
})

t.test("a phone that speaks GCJ-02 finds an envelope of WGS-84, and one of the map's", async t => {
  const text = await readFile(new URL('../../protocol/vectors/datum.json', import.meta.url), 'utf8')
  const { vectors } = JSON.parse(text) as { vectors: Record<'wgs84' | 'gcj02' | 'bd09', [number, number]>[] }
  const there = vectors[1]
  if (there === undefined) return t.fail('no such vector')
  const pointOf = ([lng, lat]: [number, number]) => ({ lat, lng })
  const [lin, mei, wang] = await Promise.all([signUp(t, world), signUp(t, world), signUp(t, world)])
  const { id } = await hide(lin, pointOf(there.wgs84))
  const mapped = { ...fixAt(pointOf(there.gcj02)), crs: 'gcj02' as const }
  const raw = await mei.call(claimEnvelope, { id, body: { fix: { ...mapped, crs: 'wgs84' } } })
  t.match(raw, { status: 'refused', code: 'out_of_reach' }, 'without its name the same numbers lie elsewhere')
  t.match(await wang.get(claimEnvelope, { id, body: { fix: mapped } }), { status: 'claimed' })

  const onMap = await hide(lin, pointOf(there.bd09), { crs: 'bd09', fix: fixAt(pointOf(there.wgs84)) })
  const [lng = 0, lat = 0] = onMap.own?.place.coordinates ?? []
  t.ok(Math.hypot(lat - there.wgs84[1], lng - there.wgs84[0]) < 1e-5, 'kept as WGS-84')
  t.match(await wang.get(claimEnvelope, { id: onMap.id, body: { fix: mapped } }), { status: 'claimed' })
})

t.test('nobody needs a socket to be told, nor a second try to be believed', async t => {
  const place = { lat: 25.03382, lng: 102.71814 }
  const [lin, mei] = await Promise.all([signUp(t, world), signUp(t, world)])
  t.equal(await mei.refusal(listEnvelopes), 'position_needed')
  await mei.get(sendPosition, { body: { fix: fixAt(place) } })
  const { id } = await hide(lin, place, { opensAt: new Date(Date.now() + 3_000).toISOString() })
  t.same(await listAround(mei), [], 'not before it opens')
  t.equal(await mei.refusal(claimEnvelope, { id, body: claimAt(place) }), 'out_of_reach')
  await eventually('it opens', async () => (await listAround(mei)).includes(id) || undefined)
  // The server has been asked about it before it opened, and must not believe that for ever.
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => mei.get(claimEnvelope, { id, body: claimAt(place) })),
  )
  t.equal(
    new Set(answers.map(answer => JSON.stringify(answer))).size,
    1,
    'asked eight times at once, won once',
  )
  t.equal((await mei.get(listClaims)).numberReturned, 1)
  const play = await mei.play()
  await stand(play, place)
  t.same(await listAround(mei), [])
})

t.test('money is linked into the audit chain within seconds, as the operator can see', async t => {
  const person = await signUp(t, world)
  const readHead = async () => {
    const headers = { authorization: `Bearer ${world.operatorKey}` }
    const answer = await fetch(world.url + getChainHead.path, { headers })
    return (await answer.json()) as { sequence: number; hash: string; waiting: number }
  }
  const settled = () =>
    eventually('everything is linked', async () => {
      const head = await readHead()
      return head.waiting === 0 ? head : undefined
    })
  const before = await settled()
  t.match(before, { sequence: /^\d+$/, hash: /^[0-9a-f]{64}$/ })
  await hide(person, { lat: 26.07421, lng: 119.30623 })
  const startedAtMs = Date.now()
  const after = await settled()
  t.comment(`linked after ${Date.now() - startedAtMs} ms`)
  t.ok(after.sequence > before.sequence)
  t.not(after.hash, before.hash)
})

t.test('no log says where anything was hidden or anybody stood', async t => {
  const logs = [server.stderr(), server.stdout(), ...(await readLogs(dataDir))]
  const lines = logs.flatMap(text => text.split('\n'))
  t.ok(logs.length > 2 && hidden.length > 5)
  t.same(
    hidden.flatMap(place => findPlace(lines, place)),
    [],
  )
})
