/**
 * Orders of requests that lead somewhere: who does what after what, so that operations that need a state are asked in
 * it as well. What is not said here is drawn as for any other request; between the steps come broken ones.
 */
import type { Wish } from './request.ts'
import type { Home, Memory } from './memory.ts'
import { fixAt, pointAt, squareAround } from './hints.ts'

/** What a story has: its place, and what it learned, the latest last. */
export type Cast = { home: Home; memory: Memory; nowMs: number; last: (kind: string) => string | undefined }

export type Step = {
  /** A name within the story; `operator` is the operator, and `merchant` is somebody's key where nobody was made. */
  as: string
  call: string
  wish?: (cast: Cast) => Wish
  /** Asked again, with other requests between, until it is so. */
  until?: (body: Record<string, unknown>) => boolean
}

export type Story = readonly Step[]

const step = (as: string, call: string, wish?: Step['wish'] | object, until?: Step['until']): Step => ({
  ...{ as, call },
  ...(wish !== undefined && {
    wish: typeof wish === 'function' ? (wish as (cast: Cast) => Wish) : () => ({ body: wish }),
  }),
  ...(until !== undefined && { until }),
})

const soon = ({ nowMs }: Cast, hours: number) => new Date(nowMs + hours * 3_600_000).toISOString()
const signUp = (as: string) => [
  step(as, 'signUpPlayer', { minor: false, timeScale: 1 }),
  step(as, 'sendPosition', ({ home }: Cast) => ({ body: { fix: fixAt(home) } })),
]
const cash = { amountMinor: '800', currency: 'CNY' }
const withoutMerchants = ['brand', 'campaignId', 'opensAt', 'crs']

const hide = (as: string, body: object = {}) =>
  step(as, 'hideEnvelope', (cast: Cast) => ({
    body: {
      ...{ place: pointAt(cast.home), fix: fixAt(cast.home), total: cash, shares: 4, presence: 'gps' },
      ...{ greeting: 'Good luck', audience: { type: 'anyone' }, expiresAt: soon(cast, 2), ...body },
    },
    without: withoutMerchants,
  }))
const claimed = (body: Record<string, unknown>) => body['status'] === 'claimed'
const claim = (as: string, more: object = {}) =>
  step(
    as,
    'claimEnvelope',
    ({ home }: Cast) => ({ body: { fix: fixAt(home), ...more }, without: ['ticket', 'code'] }),
    claimed,
  )
const reveal = (as: string, more: object = {}) =>
  step(as, 'revealEnvelope', ({ home }: Cast) => ({ body: { fix: fixAt(home), ...more }, without: ['code'] }))

const hunt: Story = [
  ...[...signUp('hider'), hide('hider'), step('hider', 'listOwnEnvelopes'), ...signUp('finder')],
  ...[step('finder', 'listEnvelopes'), reveal('finder'), step('finder', 'getEnvelope'), claim('finder')],
  ...[step('finder', 'getClaim'), step('finder', 'listClaims'), step('finder', 'thankHider')],
  ...[step('finder', 'reportEnvelope'), step('operator', 'listReports'), step('hider', 'listEnvelopeClaims')],
  ...[
    step('hider', 'getEnvelopeLedger'),
    step('hider', 'listWalletTransfers'),
    step('hider', 'closeEnvelope'),
  ],
  ...[step('finder', 'verifyEnvelope'), step('finder', 'getWallet'), step('finder', 'getMe')],
]

const secretHunt: Story = [
  ...[...signUp('hider'), hide('hider', { audience: { type: 'passphrase', passphrase: 'open sesame' } })],
  ...signUp('finder'),
  step('finder', 'revealEnvelope', ({ home }: Cast) => ({
    body: { fix: fixAt(home), passphrase: 'open sesame' },
    without: ['code'],
  })),
  step('operator', 'freeze', ({ last }: Cast) => ({ body: { target: { envelopeId: last('envelopes') } } })),
  { ...claim('finder', { passphrase: 'open sesame' }), until: () => true },
  step('operator', 'unfreeze', ({ last }: Cast) => ({ body: { target: { envelopeId: last('envelopes') } } })),
  claim('finder', { passphrase: 'open sesame' }),
  step('hider', 'closeEnvelope'),
]

const post = (body: object = {}, without: string[] = []) =>
  step('poster', 'postServiceRequest', (cast: Cast) => ({
    body: {
      ...{
        place: pointAt(cast.home),
        fix: fixAt(cast.home),
        price: cash,
        category: 'queueing',
        draft: false,
      },
      ...{ text: 'Queue for me', mode: 'choose', expiresAt: soon(cast, 5), deliverWithinS: 7_200, ...body },
    },
    without: ['crs', ...without],
  }))
const bothThere = [...signUp('poster'), ...signUp('helper')]
const chat = [
  ...[
    step('helper', 'sendMessage', { text: 'On my way' }),
    step('poster', 'sendMessage', { text: 'Thanks' }),
  ],
  ...[step('poster', 'listMessages'), step('helper', 'readMessages', { no: 1 })],
]

const errand: Story = [
  ...[...bothThere, post(), step('helper', 'setDuty', { onDuty: true }), step('helper', 'getDuty')],
  ...[step('helper', 'listServiceRequests'), step('helper', 'getServiceRequest')],
  ...[step('helper', 'offerOnServiceRequest'), step('poster', 'listOffers')],
  step('poster', 'acceptOffer', ({ last }: Cast) => ({ body: { offerId: last('offers') } })),
  ...[step('helper', 'listTakenServiceRequests'), ...chat, step('helper', 'deliverServiceRequest')],
  ...[step('poster', 'confirmServiceRequest'), step('poster', 'rateServiceRequest')],
  ...[step('helper', 'rateServiceRequest'), step('poster', 'listRatings'), step('helper', 'getReputation')],
  ...[step('helper', 'getTrust'), step('poster', 'listOwnServiceRequests')],
]

const dispute: Story = [
  ...[...bothThere, post({ mode: 'first_taker' }), step('helper', 'takeServiceRequest'), ...chat],
  ...[step('helper', 'deliverServiceRequest'), step('poster', 'disputeServiceRequest')],
  ...[step('operator', 'listServiceRequestsByState'), step('operator', 'readChat')],
  step('operator', 'splitServiceRequest', { providerMinor: '300' }),
]

const draft: Story = [
  ...[...signUp('poster'), post({ draft: true }, ['expiresAt', 'fix'])],
  step('poster', 'postDraft', (cast: Cast) => ({
    body: { fix: fixAt(cast.home), expiresAt: soon(cast, 4) },
  })),
  step('poster', 'topUpServiceRequest', { amount: cash }),
  step('poster', 'cancelServiceRequest'),
]

const withdrawn: Story = [
  ...[...bothThere, post(), step('helper', 'offerOnServiceRequest'), step('helper', 'withdrawOffer')],
  step('operator', 'removeServiceRequest'),
]

const report = (as: string) =>
  step(as, 'reportText', ({ last }: Cast) => ({
    body: { kind: 'service_request', id: last('service-requests'), reason: 'advert' },
  }))

const judged: Story = [
  ...[...signUp('poster'), post(), ...signUp('one'), report('one'), ...signUp('two'), report('two')],
  ...[...signUp('three'), report('three'), step('poster', 'listOwnReviews'), step('operator', 'getReview')],
  step('operator', 'rejectText', { reviewer: 'ann', reason: 'advert' }),
  ...[
    step('poster', 'appealReview'),
    step('operator', 'listReviews', () => ({ query: { state: 'appealed' } })),
  ],
  step('operator', 'releaseText', { reviewer: 'bo.li' }),
]

/** Each time somewhere else: who stays where they have leapt to is believed. */
const teleport = (i: number) =>
  step('runner', 'revealEnvelope', ({ home }: Cast) => ({
    body: { fix: fixAt({ lat: home.lat + 0.1 + 0.1 * i, lng: home.lng + (i % 2) }) },
    without: ['code', 'passphrase'],
  }))

const struck: Story = [
  ...[...signUp('hider'), hide('hider'), ...signUp('runner'), ...[1, 2, 3, 4, 5, 6, 7].map(teleport)],
  ...[step('runner', 'getStanding'), step('runner', 'sendAppeal'), step('operator', 'listAppeals')],
  ...[step('operator', 'getPlayerStanding'), step('operator', 'endAppeal', { outcome: 'upheld' })],
]

const banned: Story = [
  ...[
    ...signUp('player'),
    step('operator', 'banPlayer'),
    step('player', 'getMe'),
    step('operator', 'liftBan'),
  ],
  step('player', 'getMe'),
]

const plan = (body: object = {}, without: string[] = []) =>
  step('merchant', 'createCampaign', (cast: Cast) => ({
    body: {
      ...{ area: squareAround(cast.home), budget: { amountMinor: '50000', currency: 'CNY' } },
      ...{ schedule: { endsAt: soon(cast, 100) }, winsPerPlayer: 3, presence: 'gps', ...body },
    },
    without: ['clue', ...without],
  }))
const drop = (body: object = { amountMinor: '500', split: 'equal' }, without: string[] = []) =>
  step('merchant', 'dropEnvelopes', ({ home }: Cast) => ({
    body: {
      strategy: { type: 'points', points: { type: 'MultiPoint', coordinates: [pointAt(home).coordinates] } },
      ...{ shares: 3, ...body },
    },
    without: ['spacingM', ...without],
  }))
const isLive = (body: Record<string, unknown>) =>
  (body['items'] as { state: string }[] | undefined)?.some(({ state }) => state === 'live') ?? false
const wait = step('merchant', 'listCampaignEnvelopes', () => ({ query: { limit: '50' } }), isLive)
const newMerchant = step('operator', 'createMerchant', () => ({ without: ['area'] }))

const campaign: Story = [
  ...[
    newMerchant,
    plan({}, ['content']),
    step('merchant', 'editCampaign', () => ({ body: { name: 'Lanterns' } })),
  ],
  ...[step('merchant', 'getCampaign'), step('merchant', 'uploadPoints')],
  step('merchant', 'previewDrop', ({ last }: Cast) => ({
    body: {
      strategy: { type: 'uploaded', uploadId: last('uploads') },
      ...{ amountMinor: '500', shares: 2, split: 'equal' },
    },
    without: ['spacingM'],
  })),
  ...[step('merchant', 'launchCampaign'), drop(), step('merchant', 'getDrop'), wait],
  ...[...signUp('finder'), reveal('finder'), claim('finder'), step('finder', 'reportEnvelope')],
  ...[step('merchant', 'getFigures'), step('merchant', 'streamFigures'), step('merchant', 'getFigureSeries')],
  ...[
    step('merchant', 'getHeatMap'),
    step('merchant', 'exportEnvelopes'),
    step('merchant', 'exportEnvelopesMap'),
  ],
  ...[step('merchant', 'exportClaims'), step('merchant', 'exportClaimsMap')],
  ...[step('merchant', 'pauseCampaign'), step('merchant', 'resumeCampaign')],
  step('merchant', 'topUpCampaign', { amountMinor: '5000' }),
  step('merchant', 'getCampaign'),
  step('merchant', 'extendCampaign', (cast: Cast) => ({ body: { endsAt: soon(cast, 130) } })),
  ...[step('merchant', 'closeCampaign'), step('merchant', 'listCampaigns')],
]

const coded: Story = [
  ...[newMerchant, plan({ presence: 'code' }, ['content']), step('merchant', 'launchCampaign'), drop(), wait],
  ...[step('merchant', 'showCampaignCode'), ...signUp('finder')],
  step('finder', 'claimEnvelope', ({ home, memory }: Cast) => ({
    body: { fix: fixAt(home), code: memory.words.get('code')?.at(-1) ?? '000000' },
    without: ['ticket', 'passphrase'],
  })),
  step('merchant', 'rotateCampaignCode'),
]

const pool = step('merchant', 'createCouponPool', (cast: Cast) => ({ body: { expiresAt: soon(cast, 700) } }))

const coupons: Story = [
  ...[newMerchant, pool, step('merchant', 'uploadCoupons')],
  step('merchant', 'createCampaign', (cast: Cast) => ({
    body: {
      ...{ area: squareAround(cast.home), content: { type: 'coupon', poolId: cast.last('coupon-pools') } },
      ...{ schedule: { endsAt: soon(cast, 100) }, presence: 'gps' },
    },
    without: ['clue', 'budget', 'winsPerPlayer'],
  })),
  ...[step('merchant', 'launchCampaign'), drop({}, ['amountMinor', 'split']), wait, ...signUp('finder')],
  ...[reveal('finder'), claim('finder'), step('finder', 'listOwnCoupons'), step('finder', 'getOwnCoupon')],
  step('merchant', 'redeemCoupon', ({ memory }: Cast) => ({
    body: { code: memory.words.get('coupon')?.at(-1) ?? 'x', till: 'Till 1' },
  })),
  step('merchant', 'listCoupons', () => ({ query: { state: 'pooled' } })),
  ...[step('merchant', 'voidCoupon'), pool, step('merchant', 'voidCouponPool')],
]

const webhooks: Story = [
  ...[newMerchant, step('merchant', 'createWebhookEndpoint'), step('merchant', 'getWebhookEndpoint')],
  ...[
    step('merchant', 'changeWebhookEndpoint', { state: 'active' }),
    step('merchant', 'testWebhookEndpoint'),
  ],
  ...[step('merchant', 'listWebhookDeliveries'), step('merchant', 'getWebhookDelivery')],
  ...[step('merchant', 'replayWebhookDelivery'), step('merchant', 'replayWebhookDeliveries')],
  ...[step('merchant', 'rotateWebhookSecret'), step('merchant', 'deleteWebhookEndpoint')],
  ...[step('merchant', 'createWebhookInbox'), step('merchant', 'getWebhookInbox')],
]

const keys: Story = [
  ...[newMerchant, step('merchant', 'createApiKey', { scopes: ['read'] }), step('merchant', 'listApiKeys')],
  ...[step('merchant', 'revokeApiKey'), step('merchant', 'listMerchantActions')],
  ...[step('operator', 'setMerchantArea'), step('operator', 'replaceApiKeys')],
]

const payouts: Story = [
  ...[...signUp('player'), step('player', 'requestPayout', { amount: cash }), step('player', 'getPayout')],
  ...[
    step('operator', 'listPayoutsByStatus'),
    step('operator', 'endPayout', { outcome: 'failed', reason: 'x' }),
  ],
  step('player', 'requestPayout', { amount: cash }),
  step('provider', 'reportPayout', ({ last }: Cast) => ({
    body: { type: 'payout.paid', data: { payoutId: last('payouts') } },
  })),
  step('operator', 'deposit', ({ last }: Cast) => ({
    body: { owner: { playerId: last('players') }, amount: cash },
  })),
  step('player', 'listPayouts'),
]

const areas: Story = [
  ...[step('operator', 'addExclusionArea'), step('operator', 'listExclusionAreas')],
  ...[step('operator', 'removeExclusionArea'), step('operator', 'listOperatorActions')],
  step('operator', 'replayDeadLetters', () => ({ without: ['ids'] })),
]

export const stories: readonly Story[] = [
  ...[hunt, secretHunt, errand, dispute, draft, withdrawn, judged, struck, banned, campaign, coded, coupons],
  ...[webhooks, keys, payouts, areas],
]

const highCap = { currency: 'CNY', totalMinor: '900000000000000', perHourMinor: '900000000000000' }

/** After somebody froze or capped something: everything goes on, so that most of a run is not about a freeze. */
export const thaw = (target: object): Story => [
  ...('envelopeId' in target ? [] : [step('operator', 'setCap', { ...highCap, target })]),
  step('operator', 'unfreeze', { target }),
]
