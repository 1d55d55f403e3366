/** Requests to URLs of others: where none may go, and what becomes of those that may. */
import t from 'tap'
import { createPost } from '#platform/outbound.ts'
import { isPublicAddress, judgeUrl } from '#platform/public-address.ts'
import { answers, createReceiver } from '../webhooks/receiver.ts'

const [production, sandbox] = [{ allowsLoopback: false }, { allowsLoopback: true }]

t.test('addresses', async t => {
  const table: [name: string, isPublic: boolean, addresses: string[]][] = [
    [
      'public',
      true,
      ['1.1.1.1', '93.184.216.34', '172.15.255.255', '172.32.0.1', '100.63.0.1', '100.128.0.1'],
    ],
    ['public IPv6', true, ['2606:4700::1111', '2a00:1450:4001:80b::200e', '2400:3200::1']],
    ['this network and loopback', false, ['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '::', '::1']],
    [
      'private',
      false,
      ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1'],
    ],
    ['unique local, site-local', false, ['fc00::1', 'fdff:ffff::1', 'fec0::1']],
    ['carrier-grade NAT', false, ['100.64.0.1', '100.127.255.255']],
    ['link-local', false, ['169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1']],
    [
      'metadata',
      false,
      ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
    ],
    [
      'multicast, broadcast, reserved',
      false,
      ['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ],
    ['multicast IPv6', false, ['ff02::1', 'ff0e::1']],
    [
      'IPv4-mapped',
      false,
      ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:7f00:1', '::ffff:1.1.1.1', '::127.0.0.1'],
    ],
    [
      'NAT64 of what is not public',
      false,
      ['64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b::', '64:ff9b::a9fe:a9fe'],
    ],
    ['NAT64 of what is', true, ['64:ff9b::101:101', '64:ff9b::1.1.1.1']],
    ['NAT64 of a network of its own', false, ['64:ff9b:1::101:101']],
    ['6to4, Teredo', false, ['2002:7f00:1::1', '2002:101:101::1', '2001:0:1::1', '2001::1']],
    [
      'documentation, benchmarks',
      false,
      ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '2001:db8::1'],
    ],
    ['no address', false, ['', 'localhost', '1.1.1', '01.1.1.1.1', '1.1.1.1:80', '[::1]', 'fe80::g']],
  ]
  for (const [name, isPublic, addresses] of table) {
    for (const address of addresses)
      t.equal(isPublicAddress(address, production), isPublic, `${name}: ${address}`)
  }
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1']) {
    t.ok(isPublicAddress(address, sandbox), `a sandbox: ${address}`)
  }
  for (const address of ['0.0.0.0', '10.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '169.254.169.254']) {
    t.notOk(isPublicAddress(address, sandbox), `a sandbox neither: ${address}`)
  }
})

t.test('URLs', async t => {
  const verdictOf = (url: string, isSandbox: boolean) => {
    const verdict = judgeUrl(url, { isSandbox })
    return verdict.status === 'ok' ? 'ok' : verdict.reason
  }
  const table: [url: string, inProduction: string, inSandbox: string][] = [
    ['https://hooks.example/a?b=c', 'ok', 'ok'],
    ['https://hooks.example:8443/', 'ok', 'ok'],
    ['https://1.1.1.1/', 'ok', 'ok'],
    ['http://hooks.example/', 'scheme', 'ok'],
    ['http://127.0.0.1:8080/x', 'scheme', 'ok'],
    ['https://127.0.0.1/', 'address', 'ok'],
    ['https://127.1/', 'address', 'ok'],
    ['https://0x7f000001/', 'address', 'ok'],
    ['https://2130706433/', 'address', 'ok'],
    ['https://017700000001/', 'address', 'ok'],
    ['https://0177.0.0.1/', 'address', 'ok'],
    ['https://0xa.0.0.1/', 'address', 'address'],
    ['https://0xa9fea9fe/', 'address', 'address'],
    ['https://0/', 'address', 'address'],
    ['https://[::1]/', 'address', 'ok'],
    ['https://[::ffff:127.0.0.1]/', 'address', 'address'],
    ['https://[::ffff:a9fe:a9fe]/', 'address', 'address'],
    ['https://[64:ff9b::10.0.0.1]/', 'address', 'address'],
    ['https://[fe80::1%25eth0]/', 'url_invalid', 'url_invalid'],
    ['https://169.254.169.254/latest/meta-data', 'address', 'address'],
    ['https://１０.0.0.1/', 'address', 'address'],
    ['https://hooks.example:25/', 'port', 'port'],
    ['https://hooks.example:6379/', 'port', 'ok'],
    ['https://hooks.example:22/', 'port', 'port'],
    ['https://user:word@hooks.example/', 'url_invalid', 'url_invalid'],
    ['https://hooks.example/#top', 'url_invalid', 'url_invalid'],
    ['hooks.example', 'url_invalid', 'url_invalid'],
    ['https://', 'url_invalid', 'url_invalid'],
    ['ftp://hooks.example/', 'scheme', 'scheme'],
    ['file:///etc/passwd', 'url_invalid', 'url_invalid'],
    ['javascript:alert(1)', 'url_invalid', 'url_invalid'],
  ]
  for (const [url, inProduction, inSandbox] of table) {
    t.equal(verdictOf(url, false), inProduction, `production: ${url}`)
    t.equal(verdictOf(url, true), inSandbox, `sandbox: ${url}`)
  }
})

const message = { headers: { 'content-type': 'application/json' }, body: '{"n":1}' }
const options = { isSandbox: true, timeoutMs: 5_000, textChars: 20 }

t.test('what a receiver does, and what is made of it', async t => {
  const receiver = await createReceiver(
    t,
    answers.status(201, 'thanks\u0000\nfor that', { 'retry-after': '7' }),
  )
  const post = createPost(options)
  const send = (timeoutMs = options.timeoutMs) =>
    createPost({ ...options, timeoutMs })({ url: receiver.url, ...message })
  t.match(await post({ url: receiver.url, ...message }), {
    ...{ status: 201, text: 'thanks for that', retryAfterMs: 7_000, fault: undefined, tookMs: Number },
  })
  t.match(receiver.received, [{ path: '/hooks', body: message.body, headers: { connection: 'close' } }])

  receiver.answer(answers.status(302, '', { location: `${receiver.url}/elsewhere` }))
  t.match(await send(), { status: 302, fault: 'redirect' })
  t.equal(receiver.received.length, 2, 'nobody went there')

  let written = 0
  receiver.answer(response => {
    response.writeHead(200)
    const chunk = Buffer.alloc(65_536, 'x')
    const pump = () => {
      while (!response.destroyed && written < 2 ** 30) {
        written += chunk.length
        if (!response.write(chunk)) return void response.once('drain', pump)
      }
    }
    pump()
  })
  t.match(await send(), { status: 200, text: 'x'.repeat(20) }, 'a body without end is left')
  t.ok(written < 2 ** 26, `${written} bytes of it were sent`)

  receiver.answer(answers.nothing)
  t.match(await send(150), { status: undefined, fault: 'timeout' })
  receiver.answer(response => {
    response.writeHead(200).write('slow', () => response.socket?.end())
  })
  t.match(await send(), { status: 200, text: 'slow', fault: undefined }, 'cut off behind its status')
  receiver.answer(response => {
    response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n')
  })
  t.match(
    await send(),
    { status: undefined, fault: 'connection' },
    'who wants another protocol holds nobody up',
  )
  receiver.answer(answers.cut)
  t.match(await send(), { fault: 'connection' })
  t.match(
    await post({ url: 'http://127.0.0.1:1/', ...message }),
    { fault: 'address' },
    'a port that is not allowed',
  )

  receiver.answer(answers.nothing)
  const stop = new AbortController()
  const stopped = post({ url: receiver.url, ...message }, stop.signal)
  stop.abort()
  t.match(await stopped, { fault: 'connection' }, 'a shutdown waits for nobody')
})

t.test('the status counts, whatever becomes of the body', async t => {
  const receiver = await createReceiver(t, response => void response.writeHead(200).write('slow'))
  const post = createPost({ ...options, timeoutMs: 1_500 })
  t.match(await post({ url: receiver.url, ...message }), { status: 200, text: 'slow', fault: undefined })
})

t.test('who asks for time', async t => {
  const [date, soon, past] = [
    'Thu, 26 Nov 2026 08:00:00 GMT',
    'Thu, 26 Nov 2026 08:02:00 GMT',
    'Thu, 26 Nov 2026 07:00:00 GMT',
  ]
  const receiver = await createReceiver(t)
  const post = createPost(options)
  const table: [asked: string, retryAfterMs: number | undefined][] = [
    ['0', 0],
    ['120', 120_000],
    ['99999999', 99_999_999_000],
    [soon, 120_000],
    [past, undefined],
    ['soon', undefined],
    ['-1', undefined],
    ['', undefined],
  ]
  for (const [asked, retryAfterMs] of table) {
    receiver.answer(answers.status(503, '', { 'retry-after': asked, date }))
    t.equal((await post({ url: receiver.url, ...message })).retryAfterMs, retryAfterMs, asked)
  }
})

t.test('the address that was judged is the one that is called', async t => {
  const receiver = await createReceiver(t)
  const asked: string[] = []
  /** A name whose address changes as soon as it was asked for. */
  const resolve = async (name: string) => {
    asked.push(name)
    return asked.length === 1 ? ['127.0.0.1'] : ['10.0.0.1']
  }
  const url = `http://rebinding.example:${receiver.port}/hooks`
  const post = createPost({ ...options, resolve })
  t.match(await post({ url, ...message }), { status: 204 })
  t.same(asked, ['rebinding.example'], 'asked once')
  t.match(receiver.received, [{ headers: { host: `rebinding.example:${receiver.port}` } }])
  t.match(await post({ url, ...message }), { fault: 'address' })

  const called = async (addresses: string[], isSandbox = true) => {
    const toAll = createPost({ ...options, isSandbox, resolve: async () => addresses })
    return (await toAll({ url: isSandbox ? url : 'https://hooks.example/', ...message })).fault
  }
  t.equal(await called(['127.0.0.1', '169.254.169.254']), 'address', 'one of them is enough')
  t.equal(await called(['::ffff:127.0.0.1']), 'address')
  t.equal(await called(['127.0.0.1'], false), 'address', 'production sends nothing to itself')
  t.equal(await called([]), 'unresolved')
  const broken = createPost({ ...options, resolve: async () => Promise.reject(new Error('SERVFAIL')) })
  t.match(await broken({ url, ...message }), { fault: 'unresolved' })
  const silent = createPost({ ...options, timeoutMs: 100, resolve: () => new Promise(() => {}) })
  t.match(await silent({ url, ...message }), { fault: 'timeout' })
  t.match(await createPost(options)({ url: `http://localhost:${receiver.port}/`, ...message }), {
    status: 204,
  })
  t.equal(receiver.received.length, 2)
})
