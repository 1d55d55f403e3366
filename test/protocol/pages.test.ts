/** The server explains itself: documents, Swagger UI and a page for every error, with and without helmet and CORS. */
import { readFileSync } from 'node:fs'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance } from 'fastify'
import helmet from 'helmet'
import t from 'tap'
import { errorCodes, errors } from '#protocol/errors.ts'
import { pagePolicy } from '../../src/platform/problem-page.ts'
import { registerDocuments } from '../../src/platform/documents.ts'

async function createApp(prepare: (app: FastifyInstance) => Promise<void> = async () => {}) {
  const app = fastify()
  await prepare(app)
  await registerDocuments(app)
  t.teardown(() => app.close())
  return app
}

const setUps: Record<string, (app: FastifyInstance) => Promise<void>> = {
  alone: async () => {},
  'behind helmet and cors': async app => {
    const protect = helmet()
    app.addHook('onRequest', (request, reply, next) => protect(request.raw, reply.raw, () => next()))
    await app.register(cors, { origin: ['https://play.example'] })
  },
}

for (const [name, prepare] of Object.entries(setUps)) {
  t.test(`${name}: documents`, async t => {
    const app = await createApp(prepare)
    for (const file of ['openapi.json', 'asyncapi.json']) {
      const response = await app.inject(`/${file}`)
      t.equal(response.statusCode, 200)
      t.match(response.headers['content-type'], 'application/json')
      t.equal(response.body, readFileSync(new URL(`../../protocol/${file}`, import.meta.url), 'utf8'))
      const etag = String(response.headers['etag'])
      for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await app.inject({ url: `/${file}`, headers: { 'if-none-match': tag } })
        t.same([again.statusCode, again.body, again.headers['etag']], [304, '', etag], tag)
      }
      const other = await app.inject({ url: `/${file}`, headers: { 'if-none-match': '"other"' } })
      t.equal(other.statusCode, 200)
    }
  })

  t.test(`${name}: Swagger UI shows the document and loads nothing from elsewhere`, async t => {
    const app = await createApp(prepare)
    const page = await app.inject('/docs')
    t.equal(page.statusCode, 200)
    t.match(page.headers['content-type'], 'text/html')
    const policy = String(page.headers['content-security-policy'])
    t.match(policy, "script-src 'self';")
    t.notMatch(policy, 'upgrade-insecure-requests', 'plain http works on a local network')
    t.notMatch(policy, /https?:/)
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => String(link))
    t.ok(links.length >= 4)
    for (const link of links) {
      const asset = await app.inject(new URL(link, 'http://localhost/docs').pathname)
      t.equal(asset.statusCode, 200, link)
    }
    const inline = [...page.body.matchAll(/<script([^>]*)>/g)].filter(([, tag]) => !tag?.includes('src='))
    t.same(inline, [], 'no script that the policy would refuse')
    const document = await app.inject('/docs/json')
    t.match(document.json(), { openapi: '3.1.0', info: { title: 'hexbao' } })
    const setup = await app.inject('/docs/static/swagger-initializer.js')
    t.match(setup.body, '"validatorUrl":null')
  })

  t.test(`${name}: every error has a page`, async t => {
    const app = await createApp(prepare)
    const index = await app.inject('/problems')
    t.equal(index.statusCode, 200)
    for (const code of errorCodes) {
      t.match(index.body, `href="/problems/${code}"`)
      const page = await app.inject({ url: `/problems/${code}`, headers: { accept: 'text/html,*/*' } })
      t.equal(page.statusCode, 200)
      t.equal(page.headers['content-security-policy'], pagePolicy)
      t.match(page.body, `<code>${code}</code>`)
      t.match(page.body, String(errors[code].status))
      t.match(page.body, 'Sent by')
    }
  })
}

t.test('a page says what to do and why it happened', async t => {
  const app = await createApp()
  const { body } = await app.inject('/problems/position_refused')
  t.match(body, 'Your position does not count right now')
  for (const reason of errors.position_refused.reasons) t.match(body, `<li><code>${reason}</code></li>`)
  t.match(body, '<li><code>POST /v1/envelopes/{id}/claims</code></li>')
  t.match(body, '<li><code>claim frame</code></li>')
  const merchantArea = await app.inject('/problems/unauthorized')
  t.match(merchantArea.body, '<code>Authorization: Bearer …</code>', 'backticks are code')
  t.notMatch(merchantArea.body, '`')
})

t.test('a program gets the same as JSON', async t => {
  const app = await createApp()
  const ended = await app.inject({ url: '/problems/ended', headers: { accept: 'application/json' } })
  t.match(ended.headers['content-type'], 'application/json')
  t.same(ended.json(), { type: '/problems/ended', code: 'ended', ...errors.ended })
  t.match(String(ended.headers['vary']), 'accept')
  const all = await app.inject({ url: '/problems', headers: { accept: 'application/problem+json' } })
  t.equal(all.json<unknown[]>().length, errorCodes.length)
  const browser = 'text/html,application/json;q=0.9'
  const page = await app.inject({ url: '/problems', headers: { accept: browser } })
  t.match(page.headers['content-type'], 'text/html')
})

t.test('what is no error has no page', async t => {
  const app = await createApp()
  for (const code of ['nonsense', 'toString', '__proto__', '%3Cscript%3E']) {
    const response = await app.inject(`/problems/${code}`)
    t.equal(response.statusCode, 404, code)
    t.match(response.headers['content-type'], 'application/problem+json')
    t.match(response.json(), { code: 'not_found', status: 404 })
  }
})
