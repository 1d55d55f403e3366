/** The README's script that proves an envelope, run where nothing of ours lies, against a server and against liars. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Shell } from './round.ts'

/** Saves it as the page says, in a folder of its own. */
export async function saveScript(t: Test, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-prove-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'prove.mjs'), text)
  return join(folder, 'prove.mjs')
}

type Round = { shell: Shell; url: string; script: string }

/** An equal envelope, and a lucky one with the cap at work, are proved like the page's own; what was touched is not. */
export async function proveOthers(t: Test, { shell, url, script }: Round): Promise<void> {
  const token = await shell.fillIn('$TOKEN')
  const friend = await shell.fillIn('$FRIEND')
  const end = (terms: Terms) => hideClaimClose(t, url, { token, friend, ...terms })
  const prove = (server: string, id: string) => shell.run(`node ${script} ${server} ${token} ${id} 2>&1`)

  const equal = await end({ split: 'equal', shares: 7, amountMinor: '500' })
  const capped = await end({ split: 'lucky', shares: 3, amountMinor: '59000' })
  const mine = await shell.fillIn('$MINE')
  const [inEqual, inCapped] = [await prove(url, equal), await prove(url, capped)]
  t.match(inEqual, /^FAIR: equal, 7 shares. BALANCED: 500 in, 7[12] claimed, 42[89] refunded$/)
  t.match(inCapped, /^FAIR: lucky, 3 shares. BALANCED: 59000 in, \d+ claimed, \d+ refunded$/)
  for (const [name, of, fault, tamper] of lies) {
    const said = await prove(await startLiar(t, url, tamper), of === 'lucky' ? mine : equal)
    t.match(said, /^WRONG: /, name)
    t.match(said, fault, name)
  }
}

type Terms = { split: 'equal' | 'lucky'; shares: number; amountMinor: string }

/** Hides an envelope, lets a friend win a share, and takes the rest back. */
async function hideClaimClose(
  t: Test,
  url: string,
  { token, friend, split, shares, amountMinor }: Terms & { token: string; friend: string },
): Promise<string> {
  const call = async (method: string, path: string, credential: string, body?: object) => {
    const headers = { authorization: `Bearer ${credential}`, 'idempotency-key': split }
    const sent = body && {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
    return (await (await fetch(url + path, { method, headers, ...sent })).json()) as Record<string, unknown>
  }
  const [lng, lat] = [121.483, 31.2498]
  const place = { type: 'Point', coordinates: [lng, lat] }
  const terms = { place, total: { amountMinor, currency: 'CNY' }, shares, split }
  const id = String((await call('POST', '/v1/envelopes', token, terms)).id)
  const fix = { lat, lng, accuracyM: 8 }
  t.match(await call('POST', `/v1/envelopes/${id}/claims`, friend, { fix }), { status: 'claimed' })
  t.match(await call('DELETE', `/v1/envelopes/${id}`, token), { envelope: { state: 'closed' } })
  return id
}

type Lie = [name: string, of: 'equal' | 'lucky', fault: RegExp, tamper: (answer: string) => string]

/** Adds one minor unit to the amount behind `before`. */
const raise = (before: string) => (answer: string) =>
  answer.replace(
    new RegExp(`(${before})(\\d+)`),
    (_, kept: string, amount: string) => `${kept}${Number(amount) + 1}`,
  )

const lies: readonly Lie[] = [
  [
    'the seed',
    'lucky',
    /commitment.*the seed gives/,
    text => text.replace(/(?<="seed":")./, d => (d === '0' ? '1' : '0')),
  ],
  ['an amount of the split', 'equal', /commitment.*the seed gives 72 for share 1/, raise('Minor":\\["')],
  [
    'the refund',
    'lucky',
    /\d+ is left behind .*does not end at zero/,
    raise('refund","amount":{"amountMinor":"'),
  ],
  [
    'a claim',
    'equal',
    /share \d is worth 7[12].*does not end at zero/,
    raise('claim","amount":{"amountMinor":"'),
  ],
  ['what remains', 'equal', /42[89] is left behind/, raise('remaining":{"amountMinor":"(?=4)')],
  [
    'a claim is left out',
    'equal',
    /does not end at zero/,
    text => text.replace(/{[^{}]*"kind":"claim".*?},(?={"transferId)/, ''),
  ],
]

/** Answers as the server does, once `tamper` had a look at it. */
async function startLiar(t: Test, url: string, tamper: (answer: string) => string): Promise<string> {
  const liar = createServer(({ url: path, headers: { authorization = '' } }, reply) => {
    void fetch(url + path, { headers: { authorization } })
      .then(answer => answer.text())
      .then(text => reply.end(tamper(text)))
  })
  t.teardown(() => liar.close())
  await once(liar.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(liar.address() as AddressInfo).port}`
}
