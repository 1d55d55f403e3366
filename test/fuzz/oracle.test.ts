/** That the fuzzer can fail: answers that are wrong in one way each, and what the oracle says of them. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createDice } from '../simulation/dice.ts'
import { readDocument, type Shape } from './document.ts'
import { createMemory } from './memory.ts'
import { type Answer, createJudge, judgeLog } from './oracle.ts'
import { makeRequest, type Request } from './request.ts'
import { spoil } from './spoil.ts'
import { stories } from './stories.ts'
import { readAnswer, writeRequest } from './wire.ts'

const root = JSON.parse(
  readFileSync(new URL('../../protocol/openapi.json', import.meta.url), 'utf8'),
) as object
const document = readDocument(root)
const judge = createJudge(document)

const shapeOf = (id: string): Shape => {
  const shape = document.shapes.find(one => one.id === id)
  if (shape === undefined) throw new Error(`no operation ${id}`)
  return shape
}
const secret = `hbk_test_${'k'.repeat(40)}`
const actor = { kind: 'merchant' as const, credential: secret, home: { lat: 1, lng: 2 } }
const making = {
  ...{ document, memory: createMemory(), dice: createDice(7), nowMs: Date.parse('2026-03-01T08:00:00Z') },
  callbackSecret: 'x',
}
const request = makeRequest(making, shapeOf('getMerchant'), { actor })

const good: Answer = {
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', 'request-id': 'a-1' },
  text: JSON.stringify({ id: createDice(1).uuid(), name: 'Tea', createdAt: '2026-03-01T08:00:00.000Z' }),
}
const problem = (status: number, body: object = {}, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'request-id': 'a-1', ...headers },
  text: JSON.stringify({ type: '/problems/x', title: 'x', status, ...body }),
})
const forbidden = problem(403, { code: 'forbidden' })

t.test('answers of the document pass', async t => {
  t.same(judge(request, good), [])
  t.same(judge(request, forbidden), [])
  const frozen = problem(503, { code: 'frozen' })
  t.same(judge({ ...request, shape: shapeOf('claimEnvelope') }, frozen), [], 'what the operator stopped')
  const shed = problem(503, { code: 'unavailable', retryAfterMs: 2_000 }, { 'retry-after': '2' })
  t.same(judge(request, shed), [], 'overload, which is counted')
})

t.test('every answer that is not is reported', async t => {
  const table: [what: string, answer: Answer | undefined, fault: RegExp, asked?: Partial<Request>][] = [
    ['500', problem(500, { code: 'internal' }), /500: a fault of ours/],
    ['503 that nobody ordered', problem(503, { code: 'unavailable' }), /503: a fault of ours/],
    [
      '503 for another reason',
      problem(503, { code: 'unavailable', retryAfterMs: 1_000 }, { 'retry-after': '1' }),
      /503: a fault of ours/,
    ],
    ['a status that is not in the document', problem(409, { code: 'ended' }), /getMerchant has no 409/],
    ['a good status that is not', { ...good, status: 201 }, /getMerchant has no 201/],
    ['a code of other operations', problem(403, { code: 'out_of_reach' }), /does not fit its schema: \/code/],
    ['a code of none', problem(403, { code: 'nope' }), /without a code of the list/],
    ['a code of another status', problem(403, { code: 'banned', status: 401 }), /banned is not 403/],
    ['a body with a field too few', { ...good, text: '{"name":"Tea"}' }, /does not fit its schema.*required/],
    ['a field too many', { ...good, text: good.text.replace('{', '{"x":1,') }, /additional/],
    ['a field of another type', { ...good, text: good.text.replace('"Tea"', '7') }, /\/name must be string/],
    ['no JSON', { ...good, text: '{' }, /no JSON/],
    [
      'another media type',
      { ...good, headers: { ...good.headers, 'content-type': 'text/html' } },
      /as text\/html/,
    ],
    [
      'a refusal as HTML',
      { ...forbidden, headers: { 'content-type': 'text/html' } },
      /instead of application\/problem/,
    ],
    ['401 without its header', problem(401, { code: 'unauthorized' }), /no WWW-Authenticate/],
    [
      'a wait without its header',
      problem(429, { code: 'too_many_requests', retryAfterMs: 9 }),
      /no Retry-After/,
    ],
    ['no request id', { ...good, headers: { 'content-type': 'application/json' } }, /no request id/],
    ['a credential, quoted', problem(403, { code: 'forbidden', detail: secret }), /quotes the credential/],
    [
      'a stack',
      problem(403, { code: 'forbidden', detail: 'at run (/srv/src/app.ts:12)' }),
      /tells of the inside/,
    ],
    ['an answer to somebody else', good, /200 instead of 401/, { only: [401] }],
    ['no answer', undefined, /no answer/],
  ]
  for (const [what, answer, fault, asked] of table)
    t.match(judge({ ...request, ...asked }, answer).join('; '), fault, what)
})

t.test('the log is read', async t => {
  const sent = { ...request, body: '{"fix":{"lat":31.2304567,"lng":121.4737}}' }
  t.same(judgeLog(sent, ['{"level":30,"msg":"listening"}', '{"level":40,"msg":"slow"}']), [])
  t.match(judgeLog(sent, ['{"level":50,"msg":"request failed"}']), [/the log has a fault/])
  t.match(judgeLog(sent, ['{"level":60,"msg":"over"}']), [/the log has a fault/])
  t.match(judgeLog(sent, [`{"level":30,"msg":"${secret}"}`]), [/the credential/])
  t.match(judgeLog(sent, ['{"level":30,"at":[31.2304567,121.4737]}']), [/a place/])
})

t.test('a request follows from its seed, and every operation can be asked', async t => {
  const make = (shape: Shape, seed: number) => {
    const own = { ...making, memory: createMemory(), dice: createDice(seed) }
    return spoil(makeRequest(own, shape), own)
  }
  for (const [i, shape] of document.shapes.entries()) t.same(make(shape, i), make(shape, i), shape.id)
  t.notSame(make(shapeOf('hideEnvelope'), 1), make(shapeOf('hideEnvelope'), 2))
  const told = stories.flatMap(story => story.map(({ call }) => call))
  for (const call of new Set(told)) t.ok(shapeOf(call), call)
})

t.test('answers are read from bytes', async t => {
  const bytes = (text: string) => readAnswer(Buffer.from(text))
  const head = 'HTTP/1.1 200 OK\r\nX: y\r\n'
  t.match(bytes(`HTTP/1.1 100 Continue\r\n\r\n${head}Content-Length: 2\r\n\r\nabHTTP/1.1 400 x`), {
    ...{ status: 200, headers: { x: 'y' }, text: 'ab' },
  })
  t.match(bytes(`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n`), {
    text: 'abcde',
  })
  t.equal(bytes('HTTP/1.1 200 OK\r\nX'), undefined)
  t.match(
    writeRequest({ ...request, body: '{}' }).toString(),
    /^GET \/v1\/merchant HTTP\/1\.1\r\n[^]*length: 2\r\n\r\n{}$/,
  )
})
