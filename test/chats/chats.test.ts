/** Chats: who reads and says what, until when, how often, over REST and the socket; nothing of it is logged. */
import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { createLogger } from '#platform/logger.ts'
import type { Row } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import { locateCell } from '../../src/geo/cell.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { confirmNow } from '../../src/requests/act.ts'
import { changeIn } from '../../src/requests/change.ts'
import { requestRecord } from '../../src/requests/postgres.ts'
import { acceptBy } from '../../src/requests/request.ts'
import { fillWallet } from '../helpers/people.ts'
import { openClient } from '../realtime/client.ts'
import { createPlayStage } from '../realtime/play-stage.ts'
import { plantRequest } from '../requests/planting.ts'
import { createRequestStage, place } from '../requests/stage.ts'
import { openTalk } from './stage.ts'

const stage = await createRequestStage(t)
const { world, requests, told, open, openAccepted, split, add } = stage
const { database, ownerDatabase, clock } = world
const { chats, say } = openTalk(stage)
const play = await createPlayStage(t)
const rules = limits.chat

const codeOf = (answer: { status: unknown; code?: string; reason?: string }) =>
  isRefusal(answer) ? [answer.code, answer.reason].filter(Boolean).join(' ') : answer.status
const list = (
  caller: PlayerCaller,
  id: string,
  query: { limit?: string; cursor?: string; provider?: string } = {},
) => chats.list({ caller, id, query })
/** The texts, oldest first, or the refusal. */
async function textsOf(caller: PlayerCaller, id: string, query = {}) {
  const answer = await list(caller, id, query)
  return answer.status === 200 ? answer.body.items.map(({ text }) => text).reverse() : codeOf(answer)
}
let statements = 0
const run = (text: string, params: unknown[] = [], where = database) =>
  where.query<Row>({ name: `chats-${statements++}`, text }, params)

t.test('from acceptance to the end, and readable for a while', async t => {
  const [lin, mei, rival] = [await add(100_000n), await add(), await add()]
  const id = await open(lin, { mode: 'first_taker' })
  t.equal(codeOf(await say(lin, id)), 'chat_closed not_open')
  t.equal(await textsOf(lin, id), 'chat_closed not_open')
  t.same([codeOf(await say(mei, id)), await textsOf(mei, id)], ['not_found', 'not_found'])
  t.equal(codeOf(await say(mei, lin.id)), 'not_found', 'no such request')
  await requests.take({ caller: mei, id })
  told.length = 0
  const clientId = randomUUID()
  const first = await say(lin, id, 'the door is green, 13800138000', clientId)
  t.match(first, { status: 200, body: { no: 1, from: 'poster', clientId, serviceRequestId: id } })
  t.match(told, [
    { playerId: lin.id, frame: { type: 'chat.message', no: 1, from: 'poster', clientId } },
    { playerId: mei.id, frame: { type: 'chat.message', no: 1, text: 'the door is green, 13800138000' } },
  ])
  t.notOk(JSON.stringify(told[1]).includes(clientId), 'what one calls a message is for oneself')
  t.same(await say(lin, id, 'the door is green, 13800138000', clientId), first, 'sent again')
  t.equal(told.length, 2, 'and told once')
  t.equal(codeOf(await say(lin, id, 'another', clientId)), 'chat_refused id_used')
  t.match(
    await say(mei, id, 'I see it', clientId),
    { body: { no: 2, from: 'provider' } },
    'names are per side',
  )
  t.equal(codeOf(await say(rival, id)), 'not_found')
  t.equal(await textsOf(rival, id), 'not_found')
  await say(mei, id, 'done')

  const page = await list(lin, id, { limit: '2' })
  t.match(page, { body: { open: true, items: [{ no: 3 }, { no: 2 }], links: { next: /cursor=/ } } })
  const next = (page.status === 200 && page.body.links.next) || ''
  const cursor = new URL(next, 'http://localhost').searchParams.get('cursor') ?? ''
  t.match(await list(lin, id, { limit: '2', cursor }), {
    body: { items: [{ no: 1 }], links: { self: String } },
  })
  t.equal(codeOf(await list(lin, id, { cursor: 'nonsense' })), 'bad_request')

  await requests.deliver({ caller: mei, id })
  t.equal((await say(lin, id, 'thank you')).status, 200, 'until it ends')
  await requests.confirm({ caller: lin, id })
  for (const caller of [lin, mei]) {
    t.equal(codeOf(await say(caller, id)), 'chat_closed ended')
    t.match(await list(caller, id), { body: { open: false, readableUntil: String, numberReturned: 4 } })
  }
  t.same(await say(lin, id, 'the door is green, 13800138000', clientId), first, 'a lost answer, even now')
  clock.advance(rules.readableMs - 1)
  t.equal((await list(mei, id)).status, 200)
  clock.advance(1)
  t.equal(await textsOf(mei, id), 'chat_closed expired')
  t.equal(await textsOf(lin, id), 'chat_closed expired')
})

t.test('each provider has a chat of their own', async t => {
  const [lin, mei, zhou] = [await add(100_000n), await add(), await add()]
  const id = await openAccepted(lin, mei)
  await say(lin, id, 'to Mei')
  await say(mei, id, 'from Mei')
  const first = await list(lin, id)
  const mask = first.status === 200 ? first.body.provider : ''
  await requests.cancel({ caller: mei, id })
  t.equal(codeOf(await say(mei, id)), 'chat_closed dropped')
  t.equal(codeOf(await say(lin, id)), 'chat_closed dropped', 'nobody else has come yet')
  t.same(await textsOf(lin, id), ['to Mei', 'from Mei'])
  clock.advance(1)
  await requests.take({ caller: zhou, id })
  t.same(await textsOf(zhou, id), [], 'nothing of the one before')
  t.match(await say(lin, id, 'to Zhou'), { body: { no: 1 } })
  t.same(await textsOf(mei, id), ['to Mei', 'from Mei'], 'what was written in their time, and no more')
  t.same(await textsOf(lin, id), ['to Zhou'])
  t.same(await textsOf(lin, id, { provider: mask }), ['to Mei', 'from Mei'])
  t.same(await textsOf(zhou, id, { provider: mask }), ['to Zhou'], 'a pseudonym opens nothing to others')
  t.equal(await textsOf(lin, id, { provider: 'nobody' }), 'not_found')
  t.equal(codeOf(await say(mei, id)), 'chat_closed dropped', 'it goes on without them')
  await requests.cancel({ caller: lin, id })
  for (const caller of [lin, zhou])
    t.equal(codeOf(await say(caller, id)), 'chat_closed ended', 'cancelled on')
  t.same(await textsOf(zhou, id), ['to Zhou'])
})

t.test('what may be said, and how often', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const id = await openAccepted(lin, mei)
  const refused = [
    '',
    ' ',
    'a\nb',
    'a\u0000',
    'a\u202eb',
    '\u2066a',
    '\ud800',
    'a'.repeat(rules.textChars + 1),
  ]
  for (const text of [...refused, '👨‍👩‍👧‍👦'.repeat(100)])
    t.equal(codeOf(await say(lin, id, text)), 'chat_refused text_refused', JSON.stringify(text.slice(0, 9)))
  t.equal(
    codeOf(await say(lin, 'no-request', '\u202e')),
    'chat_refused text_refused',
    'before anything is read',
  )
  t.match(await say(lin, id, ' e\u0301 你好 '), { body: { text: 'é 你好' } })
  t.equal((await say(lin, id, '好'.repeat(rules.textChars))).status, 200)

  for (let i = 2; i < rules.perMinute; i++) t.equal((await say(lin, id, `${i}`)).status, 200)
  clock.advance(10_000)
  t.match(await say(lin, id, 'one more'), { code: 'too_many_requests', retryAfterMs: 50_000 })
  t.equal((await say(mei, id)).status, 200, 'each side has its own')
  t.match(await say({ ...lin, timeScale: 60 }, id), { status: 200 }, 'a minute of a sandbox player')
  clock.advance(50_000)
  t.equal((await say(lin, id)).status, 200)
  await run('update chats set messages = $2 where request_id = $1', [id, rules.messages], ownerDatabase)
  t.equal(codeOf(await say(mei, id)), 'chat_closed full')
})

t.test('one message however often it is sent at once, and none after the end', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const id = await openAccepted(lin, mei)
  told.length = 0
  const clientId = randomUUID()
  const answers = await Promise.all(Array.from({ length: 12 }, () => say(lin, id, 'hello', clientId)))
  t.equal(new Set(answers.map(answer => JSON.stringify(answer))).size, 1)
  t.equal(told.length, 2)
  const many = await Promise.all(
    [lin, mei].flatMap(caller => [1, 2, 3, 4, 5].map(n => say(caller, id, `${n}`))),
  )
  const numbers = many.map(answer => (answer.status === 200 ? answer.body.no : 0)).sort((a, b) => a - b)
  t.same(numbers, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])

  await requests.deliver({ caller: mei, id })
  let saying: ReturnType<typeof say> | undefined
  await database.transact(async tx => {
    await changeIn(stage.due, tx, {
      ...{ id, action: 'confirm', actorOf: () => 'poster' },
      apply: async (_tx, request) => confirmNow(request, clock.nowMs()),
    })
    saying = say(mei, id, 'too late')
    t.equal(await Promise.race([saying, sleep(150, 'waits')]), 'waits')
  })
  t.equal(codeOf((await saying) as never), 'chat_closed ended')

  const row = [id, mei.id, lin.id, 12]
  const insert = `insert into chat_messages (id, request_id, provider_id, no, side, client_id, text, said_at)
    values ($3, $1, $2, $4, 'poster', $3, 'x', now())`
  await t.rejects(run(insert, row), /is closed/, 'the database holds it, too')
  await t.rejects(run('update chat_messages set no = no'), /permission denied/)
  await t.rejects(run('delete from chat_messages', [], ownerDatabase), /append-only|never/i)
})

t.test('how far each has read', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const id = await openAccepted(lin, mei)
  const read = (caller: PlayerCaller, no: number) => chats.read({ caller, id, no })
  t.match(await read(lin, 1), { body: { by: 'poster', seen: { poster: 0, provider: 0 } } }, 'nothing there')
  for (const text of ['a', 'b', 'c']) await say(lin, id, text)
  told.length = 0
  t.match(await read(mei, 2), { body: { by: 'provider', seen: { poster: 0, provider: 2 } } })
  t.match(
    told.map(({ playerId, frame }) => [playerId, frame]),
    [lin, mei].map(({ id: playerId }) => [playerId, { type: 'chat.seen', by: 'provider', no: 2 }]),
  )
  t.match(await read(mei, 1), { body: { seen: { provider: 2 } } }, 'never back')
  t.equal(told.length, 2, 'what is no news is not told')
  t.match(await read(mei, 900), { body: { seen: { provider: 3 } } }, 'no farther than there is')
  t.match(await list(lin, id), { body: { seen: { poster: 0, provider: 3 } } })
  t.equal(codeOf(await read(await add(), 1)), 'not_found')
})

t.test('the operator reads in a dispute, and that is noted', async t => {
  const [lin, mei, zhou] = [await add(100_000n), await add(), await add()]
  const id = await openAccepted(lin, mei)
  await say(mei, id, 'before')
  await requests.cancel({ caller: mei, id })
  clock.advance(1)
  await requests.take({ caller: zhou, id })
  const reading = (limit = '50') => chats.readForOperator({ id, query: { limit } })
  await say(zhou, id, 'secret words')
  await requests.deliver({ caller: zhou, id })
  t.equal(codeOf(await reading()), 'wrong_state delivered')
  t.equal(codeOf(await chats.readForOperator({ id: lin.id, query: {} })), 'not_found')
  await requests.dispute({ caller: lin, id, reason: 'no' })
  const shown = await reading()
  t.match(shown, { body: { items: [{ from: 'provider', text: 'secret words' }] } })
  t.notMatch(JSON.stringify(shown), /clientId|before/, 'of the provider in dispute alone')
  t.equal((await say(lin, id, 'it was not done')).status, 200, 'the two talk on')
  await split(id, '100')
  t.match(await reading(), { body: { numberReturned: 2 } }, 'and afterwards')
  const actions = await run(
    "select target, reason, after from operator_actions where action = 'read_chat' order by reason",
  )
  t.match(actions, [
    { target: { serviceRequestId: id }, reason: 'disputed', after: { messages: 1 } },
    { target: { serviceRequestId: id }, reason: 'settled', after: { messages: 2 } },
  ])
  t.notMatch(JSON.stringify(actions), 'secret')
  const ended = await openAccepted(lin, mei)
  await requests.cancel({ caller: lin, id: ended })
  t.equal(codeOf(await chats.readForOperator({ id: ended, query: {} })), 'wrong_state cancelled')
})

t.test('texts are not logged, when PostgreSQL quotes them neither', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const id = await openAccepted(lin, mei)
  await say(lin, id, 'hush')
  let logged = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk)
      done()
    },
  })
  const log = createLogger('trace', sink)
  const fault = await run(
    `insert into chat_messages (id, request_id, provider_id, no, side, client_id, text, said_at)
      values ($2, $1, $2, -1, 'poster', $2, 'hush hush', now())`,
    [id, mei.id],
  ).catch((error: unknown) => error)
  t.match((fault as { detail: string }).detail, 'hush hush', 'PostgreSQL quotes the row')
  log.error({ err: fault }, 'request failed')
  t.match(logged, 'request failed')
  t.notMatch(logged, 'hush hush')
})

/** A request of the world of the sockets, in the provider's hands. */
async function plantAccepted(posterId: string, providerId: string): Promise<string> {
  await fillWallet(play.world, posterId, 10_000n)
  const request = await plantRequest(play.world, locateCell(place), { posterId, mode: 'first_taker' })
  const nowMs = play.world.clock.nowMs()
  await play.world.database.transact(async tx => {
    await requestRecord.addAcceptance(tx, { requestId: request.id, providerId, nowMs })
    await requestRecord.store(tx, request, acceptBy(request, providerId, nowMs))
  })
  return request.id
}

t.test('over the socket: answered once, told to every other session of both', async t => {
  const servers = [await play.startServer(), await play.startServer()] as const
  const [lin, mei, stranger] = [await play.signUp(), await play.signUp(), await play.signUp()]
  const serviceRequestId = await plantAccepted(lin, mei)
  const connect = (server: 0 | 1, playerId: string) => openClient(t, servers[server], { playerId })
  const [phone, tablet, other] = [connect(0, lin), connect(1, lin), connect(1, mei)]
  const outside = connect(0, stranger)
  await Promise.all([phone, tablet, other, outside].map(client => client.frame('welcome')))
  const clientId = randomUUID()
  const message = { type: 'chat.send', serviceRequestId, clientId, text: 'the green door' }
  phone.send({ ...message, id: 's1' })
  t.match(await phone.frame('chat.message'), { ref: 's1', no: 1, from: 'poster', clientId })
  t.match(await tablet.frame('chat.message'), { no: 1, clientId, text: 'the green door' })
  const heard = await other.frame('chat.message')
  t.match(heard, { no: 1, from: 'poster', text: 'the green door' })
  t.notOk('ref' in heard || 'clientId' in heard)
  phone.send({ ...message, id: 's2' })
  t.match(await phone.frame('chat.message', ({ ref }) => ref === 's2'), { no: 1 }, 'sent again')
  other.send({ type: 'chat.send', id: 's1', serviceRequestId, clientId, text: 'I see it' })
  t.match(await phone.frame('chat.message', ({ no }) => no === 2), { from: 'provider', text: 'I see it' })
  other.send({ type: 'chat.read', id: 'r1', serviceRequestId, no: 1 })
  t.match(await other.frame('chat.seen', ({ ref }) => ref === 'r1'), { by: 'provider', no: 1 })
  t.match(await phone.frame('chat.seen'), { by: 'provider', no: 1, serviceRequestId })
  await tablet.frame('chat.seen')

  const refusals: [object, object][] = [
    [
      { ...message, clientId: randomUUID(), text: 'a\u202eb' },
      { code: 'chat_refused', reason: 'text_refused' },
    ],
    [{ ...message, text: 'x'.repeat(rules.textChars + 1) }, { code: 'bad_frame' }],
    [{ ...message, clientId: 'mine' }, { code: 'bad_frame' }],
    [{ ...message, to: 'everybody' }, { code: 'bad_frame' }],
    [{ type: 'chat.read', serviceRequestId, no: 0 }, { code: 'bad_frame' }],
  ]
  for (const [i, [frame, error]] of refusals.entries()) {
    phone.send({ ...frame, id: `e${i}` })
    t.match(await phone.frame('error', ({ ref }) => ref === `e${i}`), error)
  }
  outside.send({ ...message, id: 'o' })
  t.match(await outside.frame('error'), { code: 'not_found' })
  const count = (client: typeof phone) => client.frames.filter(({ type }) => type === 'chat.message').length
  t.same([phone, tablet, other, outside].map(count), [3, 2, 2, 0], 'once each, and again where asked again')
  await Promise.all(servers.map(server => server.close()))
})

t.test('a session that breaks has every message once when it goes on', async t => {
  const server = await play.startServer()
  const [lin, mei] = [await play.signUp(), await play.signUp()]
  const serviceRequestId = await plantAccepted(lin, mei)
  const open = (playerId: string) => openClient(t, server, { playerId })
  const [phone, tablet, other] = [open(lin), open(lin), open(mei)]
  const { sessionId } = await phone.frame('welcome')
  await Promise.all([tablet, other].map(({ frame }) => frame('welcome')))
  phone.socket.terminate()
  await phone.closed()
  other.send({ type: 'chat.send', serviceRequestId, clientId: randomUUID(), text: 'where are you?' })
  t.match(await other.frame('chat.message'), { no: 1 })
  // By then the session that waits has it, too.
  await tablet.frame('chat.message')
  const back = openClient(t, server, { playerId: lin, resume: { sessionId, seq: phone.frames.length } })
  t.match(await back.frame('welcome'), { resumed: { frames: 1 } })
  t.match(await back.frame('chat.message'), { no: 1, text: 'where are you?' })
  await server.close()
})
