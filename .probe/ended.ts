import { setTimeout as sleep } from 'node:timers/promises'
import { createPassword } from '#platform/embedded/run-file.ts'
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { createOrganiser, enrol, fixThere } from '../test/bench/party.ts'
import { startServers, startWorker, readCpuS } from '../test/bench/processes.ts'
import { withStores } from '../test/bench/stores.ts'
await withStores(async stores => {
  const { client, url } = await stores.createDatabase()
  const env = { DATABASE_URL: url, JWT_SECRET: createPassword() + createPassword(), OPERATOR_KEY: `hbo_${createPassword()}${createPassword()}` }
  const nodeArgs = process.env.CPU ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof-ended'] : []
  const [server] = await startServers(stores, 1, { env, nodeArgs })
  const bare = startWorker(stores, './bare.ts', { env, nodeArgs: process.env.CPU ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof-bare'] : [] })
  const bareUrl = await bare.ask<string>({ do: 'listen' })
  const players = await enrol(client, env.JWT_SECRET, 500)
  const loader = startWorker(stores, './loader.ts')
  await loader.ask({ do: 'gather', tokens: players.map(p => p.token), body: { fix: fixThere } })
  const organiser = await createOrganiser(server!.url, env.OPERATOR_KEY)
  const id = await organiser.hide(1)
  const job = (u: string, ms: number) => ({ do: 'http', url: u, path: claimEnvelope.path, envelopeIds: [id], connections: 128, until: { forMs: ms } })
  await loader.ask({ ...job(server!.url, 0), until: 'everybody was answered' })
  await loader.ask({ ...job(bareUrl, 0), until: 'everybody was answered' })
  const rows: number[][] = []
  for (let i = 0; i < 9; i++) {
    const one = async (u: string, child: any) => { const c = await readCpuS(child); const l: any = await loader.ask(job(u, 1200)); const cpu = (await readCpuS(child)) - c; return [1000 * l.answers / l.tookMs, 1e6 * cpu / l.answers] }
    const [b, e] = i % 2 ? [await one(bareUrl, bare.child), await one(server!.url, server!.child)] : (await one(server!.url, server!.child).then(async e => [await one(bareUrl, bare.child), e]))
    rows.push([b![0]!, e![0]!, e![0]! / b![0]!, b![1]!, e![1]!, b![1]! / e![1]!])
  }
  const med = (k: number) => rows.map(r => r[k]!).sort((a, b) => a - b)[4]!
  console.log('bare/s', med(0).toFixed(0), 'ended/s', med(1).toFixed(0), 'ratio', med(2).toFixed(3), '| cpu µs bare', med(3).toFixed(1), 'ended', med(4).toFixed(1), 'ratio', med(5).toFixed(3))
})
process.exit()
