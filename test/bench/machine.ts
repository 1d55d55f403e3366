/** What a figure is worth depends on where it was measured. */
import { execFile } from 'node:child_process'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { Redis } from 'ioredis'
import type { Client } from 'pg'

export type Machine = Readonly<Record<string, string>>

export async function describeMachine(): Promise<Machine> {
  const [cpu] = cpus()
  return {
    cpu: `${cpus().length} × ${cpu?.model.trim() || 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${platform()} ${release()}`,
    load: loadavg()
      .map(load => load.toFixed(2))
      .join(' '),
    node: process.version,
    commit: await findCommit(),
  }
}

/** Which servers, as they are configured. */
export async function describeStores(client: Client, redis: Redis): Promise<string> {
  const setting = async (name: string) => {
    const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [name])
    return `${name} ${rows[0]?.value}`
  }
  const names = ['server_version', 'shared_buffers', 'fsync', 'synchronous_commit']
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1]
  const settings = []
  for (const name of names) settings.push(await setting(name))
  return `PostgreSQL: ${settings.join(', ')}; Redis ${version}`
}

async function findCommit(): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args)).stdout.trim()
  try {
    const isClean = (await git('status', '--porcelain')) === ''
    return `${await git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes'}`
  } catch {
    return 'unknown'
  }
}
