import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import t from 'tap'
import { errors } from '#protocol/errors.ts'
import { limits } from '#protocol/limits.ts'
import type { HideBody } from '#protocol/rest/envelopes.ts'
import { opensWith, pseudonymOf, sealPassphrase } from '../../src/envelopes/audience.ts'
import { type HideContext, judgeHide } from '../../src/envelopes/rules.ts'
import { isSplittable } from '../../src/envelopes/split.ts'
import { canMove, type EnvelopeState, isEnded, isVisible, transitions } from '../../src/envelopes/state.ts'
import { checkText } from '../../src/envelopes/text.ts'
import { hideBody } from './stage.ts'

const nowMs = Date.parse('2026-03-01T08:00:00Z')
const at = (ms: number) => new Date(nowMs + ms).toISOString()
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]

function judge(changes: Partial<HideBody>, hiderKind: HideContext['hiderKind'] = 'player') {
  return judgeHide(hideBody(changes), { hiderKind, currencies: new Map([['CNY', 2]]), nowMs })
}
const say = (...args: Parameters<typeof judge>) => {
  const verdict = judge(...args)
  return verdict.status === 'ok' ? 'ok' : (verdict.reason ?? verdict.errors?.[0]?.pointer)
}
const total = (amountMinor: string, currency = 'CNY') => ({ amountMinor, currency })

t.test('a draft has every default filled in', async t => {
  t.match(judge({}), {
    status: 'ok',
    draft: {
      totalMinor: 1_000n,
      shareCount: 10,
      shareCapMinor: null,
      audience: { type: 'anyone' },
      claimRadiusM: 60,
      opensAtMs: nowMs,
      expiresAtMs: nowMs + 72 * hour,
      greeting: null,
      clue: null,
      brand: null,
    },
  })
  t.match(judge({ split: 'lucky' }), { draft: { shareCapMinor: 20_000n } })
  t.match(judge({ split: 'lucky' }, 'merchant'), { draft: { shareCapMinor: null } })
  t.match(judge({ opensAt: at(-day) }), { draft: { opensAtMs: nowMs, expiresAtMs: nowMs + 72 * hour } })
  t.match(judge({ opensAt: at(day) }), {
    draft: { opensAtMs: nowMs + day, expiresAtMs: nowMs + day + 72 * hour },
  })
})

t.test('every rule, at its edge', async t => {
  const cases: [string, Partial<HideBody>, HideContext['hiderKind']?][] = [
    ['/body/brand', { brand: 'Tea' }],
    ['ok', { brand: 'Tea' }, 'merchant'],
    ['/body/campaignId', { campaignId: '0190a1b2-0000-7000-8000-00000000c001' }],
    ['ok', { campaignId: '0190a1b2-0000-7000-8000-00000000c001' }, 'merchant'],
    ['/body/fix', { fix: { lat: 0, lng: 0, accuracyM: 5 } }, 'merchant'],
    ['/body/expiresAt', { expiresAt: '2026-06-30T23:59:60Z' }],
    ['currency_unknown', { total: total('1000', 'EUR') }],
    ['ok', { shares: 300 }],
    ['too_many_shares', { shares: 301 }],
    ['ok', { shares: 10_000, total: total('10000') }, 'merchant'],
    ['ok', { shares: 10, total: total('10') }],
    ['shares_exceed_total', { shares: 10, total: total('9') }],
    ['ok', { shares: 3, total: total('60000') }],
    ['share_too_large', { shares: 3, total: total('60001') }],
    ['share_too_large', { shares: 3, total: total('60001'), split: 'lucky' }],
    ['ok', { shares: 1, total: total('9999999999999') }, 'merchant'],
    ['opens_after_expiry', { opensAt: at(hour), expiresAt: at(hour) }],
    ['ok', { opensAt: at(hour), expiresAt: at(hour + minute) }],
    ['expiry_past', { opensAt: at(hour), expiresAt: at(hour + minute - 1) }],
    ['expiry_past', { opensAt: at(-2 * hour), expiresAt: at(-hour) }],
    ['expiry_past', { expiresAt: at(minute - 1) }],
    ['ok', { expiresAt: at(minute) }],
    ['ok', { expiresAt: at(72 * hour) }],
    ['expiry_too_far', { expiresAt: at(72 * hour + 1) }],
    ['ok', { opensAt: at(72 * hour), expiresAt: at(144 * hour) }],
    ['expiry_too_far', { opensAt: at(72 * hour + 1) }],
    ['expiry_too_far', { opensAt: at(-hour), expiresAt: at(72 * hour + 1) }],
    ['ok', { expiresAt: at(30 * day) }, 'merchant'],
    ['expiry_too_far', { expiresAt: at(30 * day + 1) }, 'merchant'],
    ['ok', { greeting: '加微信13800138000' }],
    ['ok', { greeting: '加微信13800138000' }, 'merchant'],
    ['text_refused', { clue: { text: ' \n ' } }],
  ]
  for (const [expected, changes, kind] of cases)
    t.equal(say(changes, kind), expected, JSON.stringify(changes))
})

t.test('the first broken rule is the answer', async t => {
  const body: Partial<HideBody> = {
    brand: 'x',
    total: total('200', 'EUR'),
    shares: 301,
    opensAt: at(0),
    expiresAt: at(0),
    greeting: '\u202e',
  }
  const order: [string, Partial<HideBody>][] = [
    ['/body/brand', {}],
    ['currency_unknown', {}],
    ['too_many_shares', { total: total('200') }],
    ['shares_exceed_total', { shares: 300 }],
    ['share_too_large', { total: total('6000001') }],
    ['opens_after_expiry', { total: total('300') }],
    ['expiry_past', { expiresAt: at(minute - 1) }],
    ['expiry_too_far', { expiresAt: at(80 * hour) }],
    ['text_refused', { expiresAt: at(hour) }],
    ['ok', { greeting: 'x' }],
  ]
  for (const [expected, repair] of order) {
    Object.assign(body, repair)
    t.equal(say(body), expected)
    delete body.brand
  }
  const judged = order.map(([reason]) => reason)
  const unjudged = errors.envelope_refused.reasons.filter(reason => !judged.includes(reason))
  t.same(unjudged, ['audience_unknown', 'campaign_unknown'], 'only who exists is asked of the record')
})

t.test('whatever is accepted can be split and lives within its bounds', async () => {
  fc.assert(
    fc.property(
      fc.record({
        shares: fc.integer({ min: 1, max: 400 }),
        minor: fc.bigInt({ min: 1n, max: 10n ** 7n }),
        opensIn: fc.option(fc.integer({ min: -day, max: 4 * day }), { nil: undefined }),
        expiresIn: fc.option(fc.integer({ min: -day, max: 8 * day }), { nil: undefined }),
        split: fc.constantFrom('equal' as const, 'lucky' as const),
      }),
      ({ shares, minor, opensIn, expiresIn, split }) => {
        const verdict = judge({
          shares,
          split,
          total: total(String(minor)),
          ...(opensIn !== undefined && { opensAt: at(opensIn) }),
          ...(expiresIn !== undefined && { expiresAt: at(expiresIn) }),
        })
        if (verdict.status === 'refused') return
        const { draft } = verdict
        const capMinor = limits.envelope.playerShareMinor
        assert(isSplittable({ total: draft.totalMinor, shares: draft.shareCount, capMinor }))
        assert(draft.opensAtMs >= nowMs && draft.expiresAtMs - draft.opensAtMs >= minute)
        assert(draft.expiresAtMs - nowMs <= 144 * hour)
      },
    ),
    { numRuns: 500 },
  )
})

t.test('public text', async t => {
  const check = (text: string, maxChars = 20) => {
    const verdict = checkText(text, { maxChars })
    return verdict.status === 'ok' ? verdict.text : verdict.detail
  }
  t.equal(check('  新年快乐 👨‍👩‍👧  '), '新年快乐 👨‍👩‍👧')
  t.equal(check('e\u0301'), 'é', 'composed')
  t.equal(check('新'.repeat(20)), '新'.repeat(20))
  t.equal(check('新'.repeat(21)), 'is too long')
  t.equal(check('\u0958'.repeat(11)), 'is too long', 'composition can make text longer')
  t.equal(check('🧧'.repeat(16)), 'has too many bytes')
  t.equal(check('20260217 at no. 12'), '20260217 at no. 12', 'a date is no number')
  for (const blank of ['', ' ', '\n\t', '\ufeff']) t.equal(check(blank), 'is blank')
  for (const code of [
    0, 0x0a, 0x1b, 0x7f, 0x85, 0x061c, 0x200b, 0x200f, 0x202e, 0x2028, 0x2066, 0xd800, 0xe000, 0xfffe,
  ]) {
    t.equal(check(`a${String.fromCharCode(code)}b`), 'has control or direction characters', code.toString(16))
  }
  const contacts = [
    '138 0013 8000',
    '(010)8888-6666',
    '１３８００１３８０００',
    'me@example.com',
    'www.example.com/a?b',
    'HTTPS://x.cn',
    '微@信.中国',
    '1 3 8 0 0 1 3 8 0 0 0',
    '１３８　００１３　８０００',
    '138 – 0013 – 8000',
    '①③⑧⓪⓪①③⑧⓪⓪⓪',
    '1\ufe0f\u20e33\ufe0f\u20e38\ufe0f\u20e30013800',
    '一三八零零幺三八零零零',
    '壹叁捌 零零壹叁 捌零零零',
    'taobao.com/item?id=7',
    't.me/lin',
    'QQ 12345678',
    '微信号：lin_88',
    'wx abc-123',
    '@lin.wei88',
  ]
  for (const contact of contacts) {
    const masked = check(`call ${contact} now`, 60)
    t.match(masked, /^call \(?\*\*\* now$/, contact)
  }
  t.equal(check('打给我13800138000或者me@example.com谢谢', 60), '打给我***或者***谢谢', 'only what it is')
  t.equal(check('去www.example.com看看', 60), '去***看看')
  t.equal(check('a@b.cc@d.ee'), '***')
  t.equal(check('26日13800138000或@me88888在t.me/a一起', 60), '26日***或@me88888在***一起', 'only what it is')
  const harmless = [
    'on 2026-11-26 18:30, or 2026.11.27 9:00',
    'the 3rd of 12, at 1,500 yuan. Then 20 more',
    '2026年11月26日 18:30 到 20:00',
    '一二三四五六七八',
    'wechat pay or cash, see you @ the gate',
    'Look up. Come on in, e.g. at 10.30',
  ]
  for (const text of harmless) t.equal(check(text, 60), text)
  t.equal(checkText('138 0013 8000', { maxChars: 20, allowContact: true }).status, 'ok')
  t.match(checkText('138 0013 8000', { maxChars: 20, allowContact: true }), { text: '138 0013 8000' })
})

t.test('text that passed passes again, unchanged', async () => {
  const telling = fc.constantFrom(...Array.from('1３一 -.@:/aw微信号#'), 'www.', 'qq', '.com', '2026-11-26')
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: telling, maxLength: 40 }),
  )
  fc.assert(
    fc.property(text, raw => {
      const once = checkText(raw, { maxChars: 40 })
      if (once.status === 'refused') return
      assert.deepEqual(checkText(once.text, { maxChars: 40 }), once)
      assert(Array.from(once.text).length <= 40 && Buffer.byteLength(once.text) <= 120)
      assert(!/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(once.text))
    }),
    { numRuns: 2_000 },
  )
})

t.test('a passphrase opens its own envelope and no other', async t => {
  const [secret, envelopeId] = ['s'.repeat(32), '01890000-0000-7000-8000-000000000001']
  const mac = sealPassphrase(secret, { envelopeId, passphrase: 'caf\u00e9' })
  t.ok(opensWith(secret, { envelopeId, passphrase: 'cafe\u0301', mac }), 'however it was typed')
  t.notOk(opensWith(secret, { envelopeId, passphrase: 'cafe', mac }))
  t.notOk(opensWith(secret, { envelopeId: envelopeId.replace(/1$/, '2'), passphrase: 'caf\u00e9', mac }))
  t.notOk(opensWith('t'.repeat(32), { envelopeId, passphrase: 'caf\u00e9', mac }))
  t.throws(() => opensWith(secret, { envelopeId, passphrase: 'x', mac: Buffer.alloc(31) }), /HMAC/)
})

t.test('a winner has one name in an envelope, or with a merchant', async t => {
  const name = (kind: string, envelopeId: string, playerId = 'p') =>
    pseudonymOf('s'.repeat(32), { envelopeId, hider: { kind, id: 'h' }, playerId })
  t.match(name('player', 'e'), /^[0-9a-f]{16}$/)
  t.equal(name('player', 'e'), name('player', 'e'))
  t.not(name('player', 'e'), name('player', 'f'))
  t.equal(name('merchant', 'e'), name('merchant', 'f'))
  t.not(name('merchant', 'e'), name('merchant', 'e', 'q'))
})

t.test('states: what ended stays ended, and all can end', async t => {
  const states = Object.keys(transitions) as EnvelopeState[]
  t.same(states.filter(isEnded).sort(), ['closed', 'empty', 'expired'])
  t.same(states.filter(isVisible).sort(), ['closed', 'empty', 'expired', 'frozen', 'live'])
  for (const state of states) t.equal(canMove(state, 'closed'), !isEnded(state))
  t.notOk(canMove('live', 'funded'))
})
