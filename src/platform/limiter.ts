/**
 * Rate limits by token bucket: a budget refills steadily and may be spent in one burst. The core is pure, so sockets
 * and HTTP share it; the HTTP part speaks draft-ietf-httpapi-ratelimit-headers-10. Buckets live in this process: a
 * limit protects a server, it is no rule of the game.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { limits } from '#protocol/limits.ts'
import type { Clock } from './clock.ts'
import { type Refusal, refuse } from './problem.ts'

/** A bucket is the moment at which it will be full again; every token taken puts that off by one interval (GCRA). */
export type Bucket = { fullAtMs: number }

export type Rate = { ratePerS: number; burst: number }

/** A taken token, or how long until there is one. `bucket` replaces the old one either way. */
export type Take = { bucket: Bucket } & ({ status: 'taken' } | { status: 'empty'; retryAfterMs: number })

/** Times are whole milliseconds; what is less than this is the dust of floating point. */
const dustMs = 1e-3

/** Takes one token; no bucket yet means a full one. A clock that steps back leaves an empty bucket at worst. */
export function takeToken(
  bucket: Bucket | undefined,
  { nowMs, ratePerS, burst }: { nowMs: number } & Rate,
): Take {
  const intervalMs = 1_000 / ratePerS
  const refillMs = Math.min(burst * intervalMs, Math.max(0, (bucket?.fullAtMs ?? 0) - nowMs))
  const waitMs = refillMs - (burst - 1) * intervalMs
  return waitMs < dustMs
    ? { status: 'taken', bucket: { fullAtMs: nowMs + refillMs + intervalMs } }
    : { status: 'empty', bucket: { fullAtMs: nowMs + refillMs }, retryAfterMs: Math.ceil(waitMs) }
}

/** One limit with its buckets; the least recently used make room, and whoever comes back starts full. */
type Quota = Rate & { name: string; policy: string; buckets: LRUCache<string, Bucket> }

const windowS = 60
const rememberedKeys = 50_000
/** Fewer use what costs much, and there are several such routes. */
const rememberedPerRoute = 5_000

/** Its policy: `q` requests in a window of `w` seconds. */
const createQuota = (name: string, perMinute: number, max = rememberedKeys): Quota => ({
  ...{ name, policy: `"${name}";q=${perMinute};w=${windowS}` },
  ...{ ratePerS: perMinute / windowS, burst: perMinute },
  buckets: new LRUCache<string, Bucket>({ max }),
})

export type LimiterPorts = {
  clock: Clock
  /** The sandbox has no limit per address, as a whole classroom plays behind one, and none per route. */
  sandbox: boolean
}

/**
 * The binder's `admit`, asked twice: before anybody is identified, for the address (outside the sandbox), and then for
 * the caller. So a wrong credential costs its address and is not even looked up once that is spent. A route that costs
 * much has a budget of its own for each caller (outside the sandbox), beside the one for everything.
 */
export type Admit = (
  request: FastifyRequest,
  reply: FastifyReply,
  caller: { id: string } | undefined,
) => Refusal | undefined

/** 600 requests a minute and credential (`default`), 1,200 a minute and address (`address`). */
export function createLimiter({ clock, sandbox }: LimiterPorts): Admit {
  const credentials = createQuota('default', limits.http.perCredentialPerMinute)
  const addresses = createQuota('address', limits.http.perAddressPerMinute)

  const routes = new Map<string, Quota>()

  function quotaOf({ name, perMinute }: { name: string; perMinute: number }): Quota {
    const quota = routes.get(name) ?? createQuota(name, perMinute, rememberedPerRoute)
    routes.set(name, quota)
    return quota
  }

  return (request, reply, caller) => {
    if (caller === undefined) {
      return sandbox ? undefined : admit(addresses, { key: networkOf(request.ip), reply, isFirst: true })
    }
    // No two callers have the same id, of whatever kinds they are.
    const { id: key } = caller
    const { budget } = request.routeOptions.config
    return (
      admit(credentials, { key, reply, isFirst: sandbox }) ??
      (budget === undefined || sandbox ? undefined : admit(quotaOf(budget), { key, reply, isFirst: false }))
    )
  }

  function admit(quota: Quota, { key, reply, isFirst }: Asking): Refusal | undefined {
    const nowMs = clock.nowMs()
    const take = takeFrom(quota, key, nowMs)
    const state = describeBucket(quota, take.bucket, nowMs)
    // Both headers are lists: one item for each quota that counted.
    reply.header('ratelimit-policy', isFirst ? quota.policy : join(reply, 'ratelimit-policy', quota.policy))
    reply.header('ratelimit', isFirst ? state : join(reply, 'ratelimit', state))
    return take.status === 'empty'
      ? refuse('too_many_requests', { retryAfterMs: take.retryAfterMs })
      : undefined
  }
}

/** `isFirst`: no quota has said anything in `reply` yet, which costs less to know than to ask. */
type Asking = { key: string; reply: FastifyReply; isFirst: boolean }

const join = (reply: FastifyReply, header: string, item: string): string =>
  `${String(reply.getHeader(header))}, ${item}`

function takeFrom({ buckets, ratePerS, burst }: Quota, key: string, nowMs: number): Take {
  const bucket = buckets.get(key)
  const take = takeToken(bucket, { nowMs, ratePerS, burst })
  if (bucket === undefined) buckets.set(key, take.bucket)
  else bucket.fullAtMs = take.bucket.fullAtMs
  return take
}

/** `r` requests are left; after `t` seconds of quiet the whole budget is back. */
function describeBucket({ name, ratePerS, burst }: Quota, { fullAtMs }: Bucket, nowMs: number): string {
  const refillS = (fullAtMs - nowMs) / 1_000
  const left = Math.floor(burst - refillS * ratePerS + dustMs)
  return `"${name}";r=${left};t=${Math.ceil(refillS)}`
}

/**
 * Who an address belongs to: an IPv4 address, or the /64 of an IPv6 address, because a household or a server owns a /64
 * whole and may send from any address in it.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  if (!address.includes(':')) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/** Groups of 16 bits; an IPv4 address at the end counts for two. */
const groupsOf = (part: string): string[] =>
  part.split(':').flatMap(group => (group === '' ? [] : group.includes('.') ? ['0', '0'] : [group]))
