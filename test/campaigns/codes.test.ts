/**
 * On-site codes: by the vectors of RFC 6238, from the till's key to the claim indoors; what a try with one tells, which
 * is nothing, how often one may try, and another secret while servers remember the former one.
 */
import { randomUUID } from 'node:crypto'
import { cellToChildren } from 'h3-js'
import t, { type Test } from 'tap'
import type { HideBody } from '#protocol/rest/envelopes.ts'
import { limits } from '#protocol/limits.ts'
import { codeOf, findStep, STEP_MS, stepAt } from '#platform/totp.ts'
import { createSiteCodes } from '../../src/campaigns/site-code.ts'
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import { memoryLimits } from '../../src/claims/memory.ts'
import type { RevealAnswer } from '../../src/claims/reveal.ts'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import { loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { judgeEntry } from '../../src/positions/entry.ts'
import { unusedQuotas } from '../../src/positions/quotas.ts'
import { emptyTrack } from '../../src/positions/track.ts'
import { hmacSecret, outcomeOf } from '../claims/stage.ts'
import { goEast, square } from '../envelopes/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { createCampaignStage, must, reasonOf } from './stage.ts'

const stage = await createCampaignStage(t)

t.test('codes are those of RFC 6238, the last six digits of its eight', async t => {
  const secret = Buffer.from('12345678901234567890123456789012')
  // Appendix B, the rows of SHA-256.
  const rows: [seconds: number, code: string][] = [
    [59, '46119246'],
    [1_111_111_109, '68084774'],
    [1_111_111_111, '67062674'],
    [1_234_567_890, '91819424'],
    [2_000_000_000, '90698825'],
    [20_000_000_000, '77737706'],
  ]
  for (const [seconds, code] of rows) {
    const step = stepAt(seconds * 1_000)
    t.equal(codeOf(secret, step), code.slice(-6), `at ${seconds} s`)
    if (step < 3) continue
    const found = [-2, -1, 0, 1, 2].map(off => findStep(secret, code.slice(-6), (step + off) * STEP_MS))
    t.same(found, [undefined, step, step, step, undefined], 'a step before, a step after, no more')
  }
  for (const sent of ['', '1', '119246 ', '4119246', '１１９２４６']) {
    t.equal(findStep(secret, sent, 59_000), undefined, JSON.stringify(sent))
  }
})

const { clock, campaigns, server, createPlayer, createMerchant, hideWell, ask, standingOf } = stage
const second = stage.createServer()

t.beforeEach(async () => {
  // A code has its whole step before it.
  clock.set((stepAt(clock.nowMs()) + 4) * STEP_MS)
})
t.afterEach(async () => {
  await Promise.all([server.drain(), second.drain()])
  await assertBooks(t, stage.world)
})

const newcomer = () => createPlayer({ minor: 0n, at: null })
const show = async (caller: MerchantCaller, id: string) => must(await campaigns.showCode({ caller, id })).body
/** Six digits that are no code of this campaign now. */
const wrongFor = async (caller: MerchantCaller, id: string) =>
  String((Number((await show(caller, id)).code) + 500_000) % 1_000_000).padStart(6, '0')

/** A shop whose envelopes ask for its code, without a plan. */
async function openShop() {
  const caller = await createMerchant()
  const campaignId = randomUUID()
  const hide = (more: Partial<HideBody> = {}) =>
    hideWell(caller, { campaignId, presence: 'code', shares: 40, ...more })
  return { caller, id: campaignId, hide, show: () => show(caller, campaignId) }
}

type Try = { at?: Point; accuracyM?: number; code?: string; passphrase?: string; on?: typeof server }
/** Indoors, where phones are 65 m off, and say so. */
const requestOf = ({ at = goEast(45), accuracyM = 65, code, passphrase }: Try) => ({
  fix: { ...at, accuracyM },
  ...(code !== undefined && { code }),
  ...(passphrase !== undefined && { passphrase }),
})
const claim = (
  player: PlayerCaller,
  envelopeId: string,
  { on = server, ...sent }: Try,
): Promise<ClaimAnswer> => on.claim(player, { envelopeId, ...requestOf(sent) })
const reveal = (player: PlayerCaller, envelopeId: string, sent: Try): Promise<RevealAnswer> =>
  server.reveal(player, { envelopeId, ...requestOf(sent) })

t.test('in a mall, where fixes are 65 m off: in vain without a code, and with it a win', async t => {
  const shop = await openShop()
  const [byFix, byCode] = [await hideWell(shop.caller), await shop.hide()]
  t.match(byCode, { presence: 'code' })
  const { code } = await shop.show()
  t.equal(outcomeOf(await claim(await newcomer(), byFix.id, {})), 'out_of_reach')
  t.equal(
    outcomeOf(await claim(await newcomer(), byFix.id, { code })),
    'out_of_reach',
    'it does not ask for one',
  )
  t.equal(outcomeOf(await claim(await newcomer(), byCode.id, { at: square, accuracyM: 5 })), 'out_of_reach')
  const player = await newcomer()
  const won = await claim(player, byCode.id, { code })
  t.equal(outcomeOf(won), 'claimed')
  t.same(
    await claim(player, byCode.id, { code: '000000', at: goEast(9_000) }),
    won,
    'the same win, from anywhere',
  )
})

t.test('the till shows the code of the moment, to its merchant alone', async t => {
  const { merchant, id } = await stage.launchNew({ presence: 'code' })
  const start = clock.nowMs()
  const shown = await show(merchant, id)
  t.match(shown, { campaignId: id, code: /^[0-9]{6}$/, secondsLeft: 30 })
  t.equal(shown.expiresAt, new Date(start + STEP_MS).toISOString())
  t.equal(shown.payload, `hexbao://code?campaign=${id}&code=${shown.code}`)
  clock.advance(STEP_MS - 1)
  t.match(await show(merchant, id), { code: shown.code, secondsLeft: 1 })
  clock.advance(1)
  t.match(await show(merchant, id), { secondsLeft: 30 })
  t.not((await show(merchant, id)).code, shown.code)

  const plain = await stage.launchNew()
  const stranger = await createMerchant()
  for (const [caller, campaignId] of [
    [stranger, id],
    [plain.merchant, plain.id],
    [merchant, randomUUID()],
  ] as const) {
    t.equal(reasonOf(await campaigns.showCode({ caller, id: campaignId })), 'not_found')
    t.equal(reasonOf(await campaigns.rotateCode({ caller, id: campaignId })), 'not_found')
  }
  const { code } = await show(merchant, id)
  t.same(await stage.campaigns.showCode({ caller: merchant, id }), {
    status: 200,
    body: await show(merchant, id),
  })
  const other = await stage.launchNew({ presence: 'code' })
  t.not((await show(other.merchant, other.id)).code, code, 'a secret each')
})

t.test('all envelopes of a drop ask for the code of their campaign', async t => {
  const { merchant, id } = await stage.launchNew({ presence: 'code' })
  must(await stage.drop(merchant, id))
  await stage.fill()
  await stage.open()
  const rows = await ask<{ id: string; presence: string; lng: number; lat: number }>(
    `select id, presence, st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
     where campaign_id = $1`,
    [id],
  )
  t.equal(rows.length, 20)
  t.ok(rows.every(({ presence }) => presence === 'code'))
  const shown = await loadLiveEnvelopes(stage.world.database, [coarsen(locateCell(square), 7)])
  const ids = new Set(rows.map(({ id }) => id))
  t.ok(
    shown.filter(envelope => ids.has(envelope.id)).every(({ presence }) => presence === 'code'),
    'hints say so',
  )
  const [first] = rows
  if (first === undefined) return
  const { code } = await show(merchant, id)
  t.equal(outcomeOf(await claim(await newcomer(), first.id, { at: first })), 'out_of_reach')
  t.equal(outcomeOf(await claim(await newcomer(), first.id, { at: first, code })), 'claimed')
  const shop = await openShop()
  const others = await shop.show().catch(() => undefined)
  t.equal(others, undefined, 'a shop without envelopes has no code')
  await shop.hide()
  const { code: foreign } = await shop.show()
  t.equal(outcomeOf(await claim(await newcomer(), first.id, { at: first, code: foreign })), 'out_of_reach')
})

t.test('a refused try tells nothing of code or place, and costs the same whatever was wrong', async t => {
  const shop = await openShop()
  const merchant = await createMerchant()
  const guests = { type: 'passphrase', passphrase: 'open sesame' } as const
  const [open, closedCircle, byFix, used] = [
    await shop.hide(),
    await shop.hide({ audience: guests }),
    await hideWell(merchant, { place: { type: 'Point', coordinates: [goEast(300).lng, square.lat] } }),
    await shop.hide(),
  ]
  const { code } = await shop.show()
  const wrong = await wrongFor(shop.caller, shop.id)
  const nobody = '01890000-0000-7000-8000-000000000000'
  const rows: [string, string, Try][] = [
    ['a wrong code on the spot', open.id, { code: wrong }],
    ['no code on the spot', open.id, {}],
    ['the right code, too far', open.id, { code, at: goEast(800) }],
    ['a wrong code, too far', open.id, { code: wrong, at: goEast(800) }],
    ['the right code, not the passphrase', closedCircle.id, { code }],
    ['a code where none is asked for', byFix.id, { code }],
    ['a code for nothing', nobody, { code }],
    ['a code that let in elsewhere', open.id, { code }],
  ]
  for (const accuracyM of [65, 400]) {
    const told = new Set<string>()
    for (const [situation, id, sent] of rows) {
      const player = await newcomer()
      const isUsed = situation.includes('elsewhere')
      if (isUsed) await reveal(player, used.id, { code })
      const before = (await standingOf(player))?.quotas
      // What is coarser than 120 m needs a code to be looked at at all; that is the player's own doing.
      const request = { ...sent, accuracyM: sent.code === undefined ? 65 : accuracyM }
      for (const act of [claim, reveal]) {
        const { figures: _, ...answer } = (await act(player, id, request)) as { figures?: object }
        told.add(JSON.stringify(answer))
      }
      const after = (await standingOf(player))?.quotas
      t.same(before?.triesOfDay, undefined)
      t.equal(after?.triesOfDay?.count, 2, `${situation}: both are counted`)
      t.equal(after?.triesByEnvelope[id]?.count, 2, situation)
      t.notMatch(JSON.stringify(after), new RegExp(`${code}|${wrong}`), 'and the code is not kept')
    }
    t.equal(told.size, 1, [...told].join('\n'))
    t.match([...told][0], /"code":"out_of_reach"/)
  }
})

t.test('with a code, all points of the hint cell are one', async t => {
  const cell10 = coarsen(locateCell(square), 10)
  const places = cellToChildren(cell10, 12) as Cell[]
  const standpoints = Array.from({ length: 40 }, (_, i) => locateCell(goEast(20 * i)))
  let within = 0
  for (const cell of standpoints) {
    const verdicts = places.map(cell12 => {
      const place = { cell12, claimRadiusM: 60, isOpenToPlayer: true, permit: 'taken' as const }
      const code = { campaignId: 'c', step: 7 }
      const request = { envelopeId: 'e', fix: { cell, accuracyM: 65 }, bringsCode: true, spots: [] }
      const standing = { track: emptyTrack, quotas: unusedQuotas }
      const judged = judgeEntry(
        standing,
        { ...request, place: { ...place, code } },
        { nowMs: 0, timeScale: 1 },
      )
      return JSON.stringify(judged)
    })
    t.equal(new Set(verdicts).size, 1)
    if (verdicts[0]?.includes('"entered"')) within++
  }
  t.ok(within > 20 && within < 30, `${within} of 40: the edge is at 500 m`)
})

t.test('a coarse fix is let pass with a code only, and leaves no trace', async t => {
  const shop = await openShop()
  const { id } = await shop.hide()
  const far = await shop.hide({ place: { type: 'Point', coordinates: [goEast(60_000).lng, square.lat] } })
  const { code } = await shop.show()
  const wrong = await wrongFor(shop.caller, shop.id)
  t.equal(outcomeOf(await claim(await newcomer(), id, { accuracyM: 121 })), 'position_refused:accuracy')
  t.equal(outcomeOf(await claim(await newcomer(), id, { accuracyM: 501, code })), 'position_refused:accuracy')
  t.equal(outcomeOf(await claim(await newcomer(), id, { accuracyM: 500, code })), 'claimed')

  const player = await newcomer()
  await server.positions.move(player, { ...goEast(5_000), accuracyM: 10 })
  const track = (await standingOf(player))?.track
  for (let i = 0; i < 4; i++) {
    const answer = await claim(player, id, { accuracyM: 400, code })
    t.equal(
      outcomeOf(answer),
      'position_refused:jump',
      'who is elsewhere is not here, however often they say so',
    )
  }
  t.same((await standingOf(player))?.track, track)

  const near = await newcomer()
  await server.positions.move(near, { ...goEast(45), accuracyM: 10 })
  const seen = await server.positions.viewpoint(near)
  t.equal(outcomeOf(await claim(near, id, { accuracyM: 400, at: goEast(300), code: wrong })), 'out_of_reach')
  t.same(await server.positions.viewpoint(near), seen, 'hints stay where they were')
  t.equal(outcomeOf(await claim(near, id, { accuracyM: 400, code })), 'claimed')
  await server.drain()
  const there = { accuracyM: 400, at: goEast(60_000), code }
  clock.advance(10_000)
  const elsewhere = await newcomer()
  t.equal(outcomeOf(await claim(elsewhere, id, { accuracyM: 400, code })), 'claimed')
  await server.drain()
  clock.advance(10_000)
  t.equal(outcomeOf(await claim(elsewhere, far.id, there)), 'position_refused:cooldown', 'two towns at once')
  t.equal(outcomeOf(await claim(await newcomer(), far.id, there)), 'claimed')
})

t.test('wrong tries are limited for the account, the device and the envelope', async t => {
  const shop = await openShop()
  const [first, other] = [await shop.hide(), await shop.hide()]
  const wrong = await wrongFor(shop.caller, shop.id)
  const most = limits.claim.failedTriesPerEnvelopeHour
  const alone = await newcomer()
  for (let i = 0; i < most; i++) await claim(alone, first.id, { code: wrong })
  const { code } = await shop.show()
  t.equal(outcomeOf(await claim(alone, first.id, { code })), 'too_many_tries', 'not evaluated any more')
  t.equal(outcomeOf(await claim(alone, other.id, { code })), 'claimed', 'of another envelope it is')

  const deviceId = 'one phone'
  const [mei, lin, wei] = [await newcomer(), await newcomer(), await newcomer()].map(p => ({
    ...p,
    deviceId,
  }))
  if (mei === undefined || lin === undefined || wei === undefined) return
  for (let i = 0; i < most / 2; i++) {
    await claim(mei, first.id, { code: wrong })
    await claim(lin, first.id, { code: wrong })
  }
  t.equal(
    outcomeOf(await claim(wei, first.id, { code })),
    'too_many_tries',
    'accounts on one device share them',
  )
  t.equal(outcomeOf(await claim(await newcomer(), first.id, { code })), 'claimed', 'and nobody else')

  const patient = await newcomer()
  for (let n = 0; n < limits.claim.failedTriesPerDay / most; n++) {
    const { id } = await shop.hide({ shares: 1 })
    for (let i = 0; i < most; i++) await claim(patient, id, { code: wrong })
  }
  const fresh = await shop.hide()
  t.equal(outcomeOf(await claim(patient, fresh.id, { code })), 'too_many_tries', 'the tries of the day')
})

t.test('a code lets a player in to one envelope, and is not used up where there is nothing', async t => {
  const shop = await openShop()
  const [a, b, empty, c] = [
    await shop.hide(),
    await shop.hide(),
    await shop.hide({ shares: 1, total: { amountMinor: '1', currency: 'CNY' } }),
    await shop.hide(),
  ]
  const { code } = await shop.show()
  const player = await newcomer()
  t.equal(outcomeOf(await reveal(player, a.id, { code })), 'revealed')
  t.equal(outcomeOf(await reveal(player, b.id, { code })), 'out_of_reach', 'or one would collect tickets')
  const answer = await reveal(player, a.id, { code })
  if (answer.status !== 'revealed') return t.fail(outcomeOf(answer))
  clock.advance(STEP_MS / 2)
  const { ticket } = answer
  t.equal(
    outcomeOf(await server.claim(player, { envelopeId: a.id, ticket })),
    'claimed',
    'the ticket spares it',
  )
  t.equal(outcomeOf(await claim(player, b.id, { code })), 'out_of_reach')
  t.equal(
    outcomeOf(await claim(player, b.id, { code, on: second })),
    'out_of_reach',
    'nor through another server',
  )
  clock.advance(STEP_MS)
  t.equal(outcomeOf(await claim(player, b.id, { code })), 'out_of_reach', 'as long as it counts')
  const next = await shop.show()
  t.equal(outcomeOf(await claim(player, b.id, next)), 'claimed', 'the next one does')

  await claim(await newcomer(), empty.id, next)
  const late = await newcomer()
  t.equal(outcomeOf(await claim(late, empty.id, { ...next, on: second })), 'ended:empty')
  t.equal(outcomeOf(await claim(late, c.id, next)), 'claimed', 'it is still good')
})

t.test('codes count for their step and one around it, on every server', async t => {
  const shop = await openShop()
  const { id } = await shop.hide()
  const { code } = await shop.show()
  clock.advance(2 * STEP_MS - 1)
  t.equal(outcomeOf(await claim(await newcomer(), id, { code })), 'claimed')
  clock.advance(1)
  t.equal(outcomeOf(await claim(await newcomer(), id, { code })), 'out_of_reach')
  t.equal(outcomeOf(await claim(await newcomer(), id, { code, on: second })), 'out_of_reach')
})

t.test('another secret counts on all servers at once, whatever they remember', async t => {
  const shop = await openShop()
  const { id } = await shop.hide()
  const before = await shop.show()
  t.ok(memoryLimits.envelopeMs < limits.code.rotatedAfterMs, 'what they remember ends before')
  // Both remember the row from now on; the second reads it again just before the change.
  await claim(await newcomer(), id, before)
  const start = clock.nowMs()
  const { changesAt } = must(await campaigns.rotateCode({ caller: shop.caller, id: shop.id })).body
  t.equal(Date.parse(changesAt), start + limits.code.rotatedAfterMs)
  t.match(await shop.show(), { code: before.code, expiresAt: changesAt, secondsLeft: 15 })
  clock.set(Date.parse(changesAt) - 1)
  for (const on of [server, second])
    t.equal(outcomeOf(await claim(await newcomer(), id, { ...before, on })), 'claimed', 'until then')
  clock.advance(1)
  const after = await shop.show()
  t.not(after.code, before.code)
  for (const on of [server, second]) {
    t.equal(outcomeOf(await claim(await newcomer(), id, { ...before, on })), 'out_of_reach', 'from then on')
    t.equal(outcomeOf(await claim(await newcomer(), id, { ...after, on })), 'claimed')
  }
  await campaigns.rotateCode({ caller: shop.caller, id: shop.id })
  await campaigns.rotateCode({ caller: shop.caller, id: shop.id })
  t.match(await shop.show(), { code: after.code }, 'twice in a row: what counts does until the change')
})

t.test('the secret is sealed, and nothing else of it is kept', async t => {
  const shop = await openShop()
  await shop.hide()
  const [row] = await ask<{ secret: string }>('select secret from campaign_codes where campaign_id = $1', [
    shop.id,
  ])
  const { code } = await shop.show()
  const random = stage.world.random
  const site = { secret: row?.secret ?? '', formerSecret: null, changesAtMs: 0 }
  const open = (key: string) => () => createSiteCodes({ hmacSecret: key, random }).show(site, clock.nowMs())
  t.equal(open(hmacSecret)().digits, code)
  t.throws(open('another secret, as long as this.'), 'to whoever has the database alone it is noise')
  // 12 bytes of nonce, 16 of tag, and 32 of secret as 43 letters.
  t.equal(Buffer.from(site.secret, 'base64url').length, 12 + 16 + 43)
  // As a key by itself, in any of the ways it could have been written, it makes other codes.
  for (const bytes of [site.secret, Buffer.from(site.secret, 'base64url').subarray(28)])
    t.not(codeOf(Buffer.from(bytes as string), stepAt(clock.nowMs())), code)
})

t.test('who may ask for codes', async (t: Test) => {
  const merchant = await createMerchant()
  const player = await createPlayer()
  const refused = async (caller: MerchantCaller | PlayerCaller, more: Partial<HideBody>) => {
    const answer = await stage.hide(caller, { presence: 'code', ...more })
    return answer.status === 'refused' ? (answer.errors?.[0]?.pointer ?? answer.code) : answer.status
  }
  t.equal(await refused(player, {}), '/body/presence')
  t.equal(await refused(merchant, {}), '/body/campaignId')
  t.equal(await refused(merchant, { campaignId: randomUUID() }), 201)
  t.match(centreOf(locateCell(square)), { lat: Number })
})
