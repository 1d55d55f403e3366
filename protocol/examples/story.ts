/**
 * One story that every example tells: at New Year Lin hides 88 CNY on People's Square in Shanghai, in five lucky
 * shares; Mei walks there and grabs the second. The split is true: seed, amounts and commitment belong together.
 */
export const lin = '019c65b9-2bb8-72f4-98b8-81ea7073f1c6'
export const mei = '019c69af-fd04-7771-97a5-7ec3d7fb939e'
export const envelopeId = '019c69c1-461f-7b77-9349-bf1fa9b26d45'
export const claimId = 'f84096b2-70ca-5593-8678-c358c2c3eb89'
export const sessionId = '019c69c3-4360-73f3-9af1-ecebbd1410ab'
export const merchantId = '019bafd3-01c0-79e7-986c-ce0d95f0f608'

export const times = {
  linSignedUp: '2026-02-16T09:12:40.120Z',
  hidden: '2026-02-17T04:00:00.031Z',
  connected: '2026-02-17T04:02:10.400Z',
  claimed: '2026-02-17T04:05:31.882Z',
  ticketExpires: '2026-02-17T04:06:29.104Z',
  emptied: '2026-02-17T05:40:02.517Z',
  expires: '2026-02-20T04:00:00.031Z',
}

export const place = { type: 'Point' as const, coordinates: [121.4737, 31.2304] as [number, number] }
export const fix = { lat: 31.23018, lng: 121.47352, accuracyM: 8, at: '2026-02-17T04:05:31.000Z' }
export const greeting = '恭喜发财'
export const clue = { text: 'Where the old men fly kites' }

/** Where Mei's phone draws the envelope: a point of its res-12 cell, not the place. */
export const anchor = { lat: 31.230362, lng: 121.473641, altitudeMode: 'ground' as const }
export const ticket = 'AZxpxtbrJ0l2fQ0a7m8Yt3xQkq5w1Jc9pV2hR4Te'
export const thanks = '谢谢,新年快乐'

export const cny = (amountMinor: string) => ({ amountMinor, currency: 'CNY' })
export const total = cny('8800')
export const meisShare = cny('449')

export const split = {
  seed: '184ebe58fd293689b77f92a1b53bc2f563c2536bf237618c3414746084eadeee',
  amountsMinor: ['4528', '449', '1491', '1576', '756'],
  commitment: 'e5e033c61d9e81185064d8e32f00f993ea5487e9daedb6bc4ed69f0be07dff02',
}

/** The hint cell of the place, and its outline. */
export const cell = '8a309959d727fff'
export const zone = {
  type: 'Polygon' as const,
  coordinates: [
    [
      [121.472674, 31.230471],
      [121.472568, 31.229888],
      [121.473134, 31.229593],
      [121.473807, 31.229881],
      [121.473914, 31.230464],
      [121.473347, 31.230759],
      [121.472674, 31.230471],
    ] as [number, number][],
  ],
}
