/** The user that servers have in Redis: what it may not do, and that the servers of compose.yaml get the same one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { findRedis, listBinaryFolders } from '#platform/embedded/find-binaries.ts'
import { formatAclLine, listAclRules } from '#platform/redis-acl.ts'
import { runTool } from '../bin/run-tool.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const user = new Redis(world.redisUrl)
t.teardown(() => user.disconnect())

const forbidden = `
  FLUSHALL|FLUSHALL ASYNC|FLUSHDB|KEYS *|SWAPDB 0 1|MIGRATE 127.0.0.1 1 hx:a 0 10|RESTORE hx:a 0 x|SORT hx:a
  CONFIG SET appendonly no|CONFIG REWRITE|CONFIG RESETSTAT|SHUTDOWN NOSAVE|SAVE|BGSAVE|BGREWRITEAOF|LASTSAVE
  DEBUG SLEEP 0|DEBUG RELOAD|DEBUG SET-ACTIVE-EXPIRE 0|PFDEBUG GETREG hx:a|PFSELFTEST
  REPLICAOF 127.0.0.1 1|SLAVEOF NO ONE|FAILOVER|SYNC|PSYNC ? -1|REPLCONF listening-port 1|ROLE|CLUSTER RESET
  MODULE LIST|MODULE LOAD /tmp/x.so|MODULE UNLOAD x|MONITOR|SLOWLOG GET|SLOWLOG RESET|LATENCY RESET|LATENCY LATEST
  ACL SETUSER hexbao +@all|ACL SETUSER other on nopass ~* +@all|ACL DELUSER default|ACL LIST|ACL GETUSER hexbao|ACL LOG
  ACL SAVE|ACL LOAD|CLIENT KILL TYPE normal|CLIENT LIST|CLIENT PAUSE 1000|CLIENT NO-EVICT on|CLIENT UNPAUSE
  SCRIPT FLUSH|SCRIPT KILL|SCRIPT DEBUG YES|FUNCTION LOAD x|FUNCTION FLUSH|FUNCTION DELETE x|FUNCTION LIST|FCALL x 0
  BLPOP hx:a 1|XREAD BLOCK 1 STREAMS hx:a 0|BLMOVE hx:a hx:b LEFT LEFT 1
  GET other|SET other 1|DEL other|RENAME hx:a other|COPY other hx:a|XADD other * a 1|HSET hxa b 1|TYPE other
  PUBLISH other x|SUBSCRIBE other|PSUBSCRIBE *|PSUBSCRIBE hx*`
  .split(/\||\n/)
  .map(command => command.trim())
  .filter(command => command !== '')

/** Redis switches two of them off for everybody before it asks who calls. */
const refusal = /^NOPERM|^ERR (DEBUG|MODULE) command not allowed/

t.test('what the server may not do in Redis', async t => {
  t.ok(forbidden.length >= 40, `${forbidden.length} commands`)
  for (const command of forbidden) {
    const [name = '', ...args] = command.split(' ')
    const answer: unknown = await user.call(name, ...args).catch((error: unknown) => error)
    t.match(answer, { message: refusal }, command)
  }
  for (const [name, script] of [
    ['emptying', "return redis.call('FLUSHALL')"],
    ['another key', "return redis.call('SET', 'other', '1')"],
    ['all keys', "return redis.call('KEYS', '*')"],
  ] as const) {
    await t.rejects(user.eval(script, 0), /NOPERM|ACL|can't (run|access)/, `a script: ${name}`)
  }
  const key = `${world.redisPrefix}a`
  t.equal(await user.eval("return redis.call('INCR', KEYS[1])", 1, key), 1, 'its own keys it may touch')
  await user.unlink(key)
})

/** The arguments of Redis in compose.yaml, without their quotes. */
async function readComposeCommand(): Promise<string[]> {
  const text = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8')
  const [, block = ''] = /command:\n((?: {6}(?:-|#) .*\n)+)/.exec(text) ?? []
  return [...block.matchAll(/^ {6}- (.+)$/gm)].map(([, item = '']) => item.replace(/^'(.*)'$/, '$1'))
}

t.test('the Redis of compose.yaml knows this user, and no other', async t => {
  const [, ...args] = await readComposeCommand()
  const from = args.indexOf('hexbao') + 3
  t.same(args.slice(from, from + listAclRules().length), listAclRules(), 'the same rights')
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-compose-'))
  const binary = (await findRedis(await listBinaryFolders())) ?? ''
  const filled = args.map(arg => arg.replace(/\$\{REDIS_PASSWORD:.*\}/, 'secret'))
  const socket = join(folder, 'redis.sock')
  const child = spawn(binary, [...filled, '--port', '0', '--unixsocket', socket, '--dir', folder])
  t.teardown(async () => {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  })
  let log = ''
  for await (const chunk of child.stdout) {
    log += String(chunk)
    if (/ready to accept connections/i.test(log)) break
  }
  const connect = (credentials: { username?: string; password?: string }) =>
    new Redis({ path: socket, ...credentials, retryStrategy: () => null, enableReadyCheck: false })
  const [known, unknown] = [connect({ username: 'hexbao', password: 'secret' }), connect({})]
  known.on('error', () => {})
  unknown.on('error', () => {})
  t.teardown(() => [known, unknown].forEach(one => one.disconnect()))
  t.equal(await known.set('hx:a', '1'), 'OK', log)
  await t.rejects(known.flushall(), /NOPERM/)
  t.match(await known.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction'])
  await t.rejects(unknown.ping(), /NOAUTH|Connection is closed/)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

t.test('npm run redis-acl prints the line for the user of REDIS_URL', async t => {
  const [printed, nameless] = await Promise.all([
    runTool('redis-acl', [], { REDIS_URL: 'redis://hexbao:p%40ss@127.0.0.1:1' }),
    runTool('redis-acl', [], { REDIS_URL: 'redis://127.0.0.1:1' }),
  ])
  t.same([printed.code, printed.stdout], [0, `${formatAclLine('hexbao', 'p@ss')}\n`])
  t.match(printed.stdout, /^user hexbao on #[0-9a-f]{64} ~hx:\* &hx:\* \+@read /)
  t.match(nameless, { code: 2, stderr: /set REDIS_URL to redis:\/\/hexbao:/ })
})
