/**
 * Redis at the edge: a loader that turns `.lua` files into functions. Scripts are neither replicated nor kept by
 * Redis 7, so NOSCRIPT means "this is not the Redis I loaded": its identity is read before the script is sent again.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Command, Redis } from 'ioredis'
import { Unavailable } from './problem.ts'

/** Before every key and channel, for servers and tools alike; tests have their own. */
export const defaultPrefix = 'hx:'

/** One Lua file: its text, digest, and the contract that its opening comment states. */
export type Script = { readonly name: string; readonly text: string; readonly sha: string }

export type RedisOptions = {
  url: string
  /** What the connection is for, in logs and CLIENT LIST. */
  name: string
  onError: (error: Error) => void
  /** Subscribers wait for the server; command connections fail fast. */
  subscriber?: boolean
  /** How often a subscriber asks whether anybody is there. */
  pulseMs?: number
}

const PULSE_MS = 5_000

/** A connection that fails fast: no offline queue, one retry, a deadline on every command. */
export function connectRedis(options: RedisOptions): Redis {
  const { url, name, onError, subscriber = false, pulseMs = PULSE_MS } = options
  const redis = new Redis(url, {
    connectionName: `hexbao-${name}`,
    maxRetriesPerRequest: subscriber ? null : 1,
    enableOfflineQueue: subscriber,
    enableAutoPipelining: !subscriber,
    ...(subscriber ? {} : { commandTimeout: 2_000 }),
    connectTimeout: 5_000,
    retryStrategy: attempt => Math.min(50 * 2 ** attempt, 1_000),
  })
  redis.on('error', onError)
  if (subscriber) keepPulse(redis, pulseMs)
  return redis
}

/**
 * A subscriber only listens: when its connection dies without a word, at a firewall or with the machine at the other
 * end, it would go on listening for hours. So it asks, and where nobody answers by the next time, it connects again.
 */
function keepPulse(redis: Redis, everyMs: number): void {
  let isUnanswered = false
  const timer = setInterval(() => {
    const wasUnanswered = isUnanswered
    isUnanswered = false
    if (redis.status !== 'ready') return
    if (wasUnanswered) return redis.disconnect(true)
    isUnanswered = true
    redis.ping().then(
      () => (isUnanswered = false),
      () => undefined,
    )
  }, everyMs)
  timer.unref()
  redis.once('end', () => clearInterval(timer))
}

/** Resolves when the connection takes commands; throws {@link Unavailable} after `deadlineMs`. */
export async function awaitRedis(redis: Redis, deadlineMs = 10_000): Promise<void> {
  if (redis.status === 'ready') return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Unavailable('Redis did not answer in time')), deadlineMs)
    redis.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

const header = /^#!lua[^\n]*\n(--[^\n]*\n)+/

/** Loads `lua/<name>.lua` beside the calling module; the file opens with its contract. */
export function loadScript(moduleUrl: string, name: string): Script {
  const text = readFileSync(new URL(`./lua/${name}.lua`, moduleUrl), 'utf8')
  const contract = header.exec(text)?.[0] ?? ''
  for (const part of ['-- KEYS:', '-- ARGV:', '-- Returns:']) {
    if (!contract.includes(part)) throw new Error(`${name}.lua does not state its contract: ${part}`)
  }
  return { name, text, sha: createHash('sha1').update(text).digest('hex') }
}

export type ScriptRunner = {
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  /** Does not wait for what else is said in this turn of the event loop: for calls that are many in one. */
  runNow: ScriptRunner['run']
  /** `run_id:master_replid` of the Redis that answers now; changes on restart and failover. */
  identity(): Promise<string>
}

/** Runs scripts by digest on one connection; every fault of the connection is an {@link Unavailable}. */
export function createScriptRunner(redis: Redis): ScriptRunner {
  let known: Promise<string> | undefined
  redis.on('close', () => (known = undefined))

  const identity = (): Promise<string> => {
    known ??= readIdentity(redis).catch(error => {
      known = undefined
      throw error
    })
    return known
  }

  const evaluate = (script: Script, keys: readonly string[], args: readonly (string | number)[]) =>
    redis.evalsha(script.sha, keys.length, ...keys, ...args)

  const evaluateNow: typeof evaluate = (script, keys, args) =>
    redis.sendCommand(
      new Command('evalsha', [script.sha, keys.length, ...keys, ...args], { replyEncoding: 'utf8' }),
    ) as Promise<unknown>

  const runnerBy =
    (send: typeof evaluate): ScriptRunner['run'] =>
    async (script, keys, args) => {
      try {
        return await send(script, keys, args)
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw asUnavailable(error)
      }
      known = undefined
      await identity()
      try {
        return await redis.eval(script.text, keys.length, ...keys, ...args)
      } catch (error) {
        throw asUnavailable(error)
      }
    }

  return { identity, run: runnerBy(evaluate), runNow: runnerBy(evaluateNow) }
}

async function readIdentity(redis: Redis): Promise<string> {
  try {
    const info = `${await redis.info('server')}\n${await redis.info('replication')}`
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
    const [runId, replicationId] = [field('run_id'), field('master_replid')]
    if (runId === undefined || replicationId === undefined) throw new Error('INFO names no run_id')
    return `${runId}:${replicationId}`
  } catch (error) {
    throw asUnavailable(error)
  }
}

/** A script that Redis refused or a connection that broke: either way the caller must not assume anything. */
const asUnavailable = (error: unknown): Unavailable =>
  new Unavailable(`Redis: ${(error as Error).message}`, { cause: error })

/** Redis is out of reach, or refused the command: what a caller of the client itself has to tell from a bug. */
export function isRedisDown(error: unknown): boolean {
  const { name = '', message = '' } = (error ?? {}) as { name?: string; message?: string }
  return (
    /^(ReplyError|AbortError|MaxRetriesPerRequestError)$/.test(name) ||
    /^(Connection is closed|Stream isn't writeable|Command timed out)/.test(message)
  )
}

/** Closes a connection, whether or not anybody is at the other end. */
export async function closeRedis(redis: Redis): Promise<void> {
  try {
    await redis.quit()
  } catch {
    redis.disconnect()
  }
}
