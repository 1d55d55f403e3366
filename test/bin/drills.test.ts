/**
 * The recovery drills of the README, as an operator does them, while one server is asked for shares: Redis lost
 * entirely, both services killed under load, PostgreSQL restored from an older backup while Redis survived. The
 * services are the operator's, who is this process; every answer and every exit code is the real one.
 */
import { execFile } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { Check } from 'typebox/value'
import { ClaimedAnswer, claimEnvelope } from '#protocol/rest/claims.ts'
import { hideEnvelope } from '#protocol/rest/envelopes.ts'
import { readRunFile } from '#platform/embedded/run-file.ts'
import { joinServices, type Services } from '#platform/embedded/services.ts'
import { eventually } from '../acceptance/eventually.ts'
import { findDatabaseUrl, makeDataDir, readRun, startServer } from '../acceptance/launch.ts'
import { fixAt, type Person, signUp } from '../acceptance/person.ts'
import { kill } from '../acceptance/processes.ts'
import { createRest } from '../acceptance/rest.ts'
import { runTool } from './run-tool.ts'

t.setTimeout(240_000)

const place = { lat: 45.80371, lng: 126.53497 }
const runFile = promisify(execFile)

t.test('recovery drills', async t => {
  const dataDir = await makeDataDir(t)
  const joined: Services[] = []
  /** Starts what does not run, on the port where it was. */
  const startServices = async () => {
    joined.push(await joinServices({ dataDir, install: 'no', progress: () => {} }))
  }
  t.teardown(async () => {
    for (const services of joined) await services.leave()
  })
  await startServices()
  let server = await startServer(t, { dataDir })
  const people = await Promise.all(Array.from({ length: 10 }, () => signUp(t, server.banner)))
  const tool = (name: string, ...args: string[]) => runTool(name, args, { DATA_DIR: dataDir })

  let keys = 0
  const hide = async (shares: number) => {
    const merchant = createRest({ url: server.banner.url, credential: server.banner.merchantKey })
    const body = {
      place: { type: 'Point' as const, coordinates: [place.lng, place.lat] as [number, number] },
      total: { amountMinor: '10000', currency: 'CNY' },
      ...{ shares, split: 'lucky' as const },
    }
    return (await merchant.get(hideEnvelope, { idempotencyKey: `drill-${++keys}`, body })).id
  }
  /** Asks until the answer is final: the claim, or why not. */
  const claim = (who: Person | undefined, id: string) =>
    eventually(
      'a final answer',
      async () => {
        const rest = createRest({ url: server.banner.url, credential: who?.token ?? '' })
        const answer = await rest.call(claimEnvelope, { id, body: { fix: fixAt(place) } })
        if (answer.status === 'ok') return Check(ClaimedAnswer, answer.body) ? answer.body : undefined
        if (['try_again', 'unavailable', 'internal'].includes(answer.code)) return undefined
        return [answer.code, answer.problem.reason].filter(Boolean).join(' ')
      },
      { withinMs: 60_000, everyMs: 100 },
    )
  const isBalanced = async (t: Test) => {
    const { code, stdout, stderr } = await tool('reconcile')
    t.equal(code, 0, `${stdout}${stderr}`)
  }
  const pidOf = async (name: 'postgres' | 'redis') => (await readRun(dataDir))[name]?.process?.pid ?? 0

  await t.test('Redis is lost entirely: an empty one is enough', async t => {
    const id = await hide(3)
    const first = await claim(people[0], id)
    t.match(first, { status: 'claimed' })
    kill(await pidOf('redis'), 'SIGKILL')
    await emptyRedis(dataDir)
    await startServices()
    t.match(await claim(people[1], id), { status: 'claimed' })
    t.same(await claim(people[0], id), first, 'the same win as before')
    t.match(await claim(people[2], id), { status: 'claimed' })
    t.equal(await claim(people[3], id), 'ended empty', 'nothing is sold twice')
  })

  await t.test(
    'both are killed under load: everybody hears a final answer, winners the same one',
    async t => {
      const id = await hide(6)
      const asked = people.map(async (who, i) => {
        await sleep(i * 15)
        return claim(who, id)
      })
      await sleep(60)
      for (const name of ['postgres', 'redis'] as const) kill(await pidOf(name), 'SIGKILL')
      await startServices()
      const answers = await Promise.all(asked)
      const won = answers.filter(answer => typeof answer !== 'string')
      t.equal(won.length, 6)
      t.same(
        answers.filter(answer => typeof answer === 'string'),
        Array.from({ length: 4 }, () => 'ended empty'),
      )
      t.same(await Promise.all(people.map(who => claim(who, id))), answers, 'and ever after')
      await isBalanced(t)
    },
  )

  await t.test('PostgreSQL comes back older than Redis: npm run recover', async t => {
    const [id, half] = [await hide(2), await hide(4)]
    const early = await claim(people[0], half)
    const databaseUrl = await findDatabaseUrl(dataDir)
    const backup = join(dataDir, 'backup.dump')
    await runFile('pg_dump', ['--format=custom', '--file', backup, databaseUrl])
    const wins = [await claim(people[1], id), await claim(people[2], id), await claim(people[3], half)]
    const hiddenLater = await hide(2)
    t.match(await claim(people[4], hiddenLater), { status: 'claimed' })

    t.match(await tool('recover'), { code: 2, stderr: /stop every server and every other tool first/ })
    t.equal(await server.pressCtrlC(), 0)
    await restore(databaseUrl, backup)

    const rehearsal = await tool('recover', '--dry-run')
    t.match(rehearsal, { code: 1, stdout: /3 wins would be restored/ }, rehearsal.stderr)
    t.match(rehearsal.stdout, `  envelope ${hiddenLater} player ${people[4]?.id} share `)
    const recovered = await tool('recover', '--json')
    t.equal(recovered.code, 1, recovered.stdout + recovered.stderr)
    t.match(JSON.parse(recovered.stdout), {
      ...{ complete: false, restored: 3 },
      lost: [
        { envelopeId: hiddenLater, playerId: people[4]?.id, reason: 'envelope_unknown', wasSettled: true },
      ],
    })

    server = await startServer(t, { dataDir })
    const again = [await claim(people[1], id), await claim(people[2], id), await claim(people[3], half)]
    t.same(again.map(plain), wins.map(plain), 'winners hear the same win')
    t.same(await claim(people[0], half), early)
    t.equal(await claim(people[5], id), 'ended empty', 'nothing is sold twice')
    t.match(await claim(people[5], half), { status: 'claimed' }, 'what was left is left')
    t.equal(await claim(people[4], hiddenLater), 'out_of_reach', 'nobody ever hid it')
    await isBalanced(t)
  })
  await server.pressCtrlC()
})

/** All but the moment, which comes back as that of the reservation. */
const plain = (answer: string | ClaimedAnswer) =>
  typeof answer === 'string' ? answer : { ...answer, claimedAt: undefined }

async function emptyRedis(dataDir: string): Promise<void> {
  const { redis } = await readRunFile(dataDir)
  const folder = resolve(dataDir, redis?.folder ?? '')
  const files = await readdir(folder)
  await Promise.all(files.map(name => rm(join(folder, name), { recursive: true })))
}

async function restore(databaseUrl: string, backup: string): Promise<void> {
  const admin = new Client({ connectionString: databaseUrl.replace(/hexbao$/, 'postgres') })
  await admin.connect()
  await admin.query('drop database hexbao with (force)')
  await admin.query('create database hexbao')
  await admin.end()
  await runFile('pg_restore', ['--dbname', databaseUrl, backup])
}
