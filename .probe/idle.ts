import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPassword } from '#platform/embedded/run-file.ts'
import { socketPath } from '#protocol/ws/frame.ts'
import { inspect } from '../test/bench/heap.ts'
import { enrol, fixThere } from '../test/bench/party.ts'
import { startServers, startWorker } from '../test/bench/processes.ts'
import { withStores } from '../test/bench/stores.ts'
await withStores(async stores => {
  const { client, url } = await stores.createDatabase()
  const env = { DATABASE_URL: url, JWT_SECRET: createPassword() + createPassword() }
  const heap = await inspect()
  const [server] = await startServers(stores, 1, { env, nodeArgs: heap.nodeArgs })
  const N = 1600
  const players = await enrol(client, env.JWT_SECRET, N)
  const loader = startWorker(stores, './loader.ts')
  await loader.ask({ do: 'gather', tokens: players.map(p => p.token), body: {} })
  const port = heap.nodeArgs[0]!.split(':')[1]!
  const open = { do: 'open', url: server!.url, path: socketPath, greeting: JSON.stringify({ type: 'position', id: '0', fix: fixThere }) }
  let before = 0
  for (const count of [100, N]) {
    await loader.ask({ ...open, count }); await sleep(3000)
    const { held } = await heap.measure()
    if (before) console.log('KiB per socket', ((held - before) / (N - 100) / 1024).toFixed(2))
    before = held
    if (process.env.SNAP) execFileSync('node', ['.probe/snapshot.mjs', port, `/tmp/idle-${count}.heapsnapshot`])
  }
})
process.exit()
