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
type Quota = { name: string; perMinute: number; buckets: LRUCache<string, Bucket> }

const windowS = 60
const rememberedKeys = 50_000
/** Fewer use what costs much, and there are several such routes. */
const rememberedPerRoute = 5_000

const createQuota = (name: string, perMinute: number, max = rememberedKeys): Quota => ({
  ...{ name, perMinute },
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
  caller: { kind: string; id: string } | undefined,
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
    if (caller === undefined) return sandbox ? undefined : admit(addresses, networkOf(request.ip), reply)
    const key = `${caller.kind}:${caller.id}`
    const { budget } = request.routeOptions.config
    return (
      admit(credentials, key, reply) ??
      (budget === undefined || sandbox ? undefined : admit(quotaOf(budget), key, reply))
    )
  }

  function admit(from: Quota, key: string, reply: FastifyReply): Refusal | undefined {
    const nowMs = clock.nowMs()
    const { quota, take } = takeFrom(from, key, nowMs)
    append(reply, 'ratelimit-policy', describePolicy(quota))
    append(reply, 'ratelimit', describeBucket(quota, take.bucket, nowMs))
    return take.status === 'empty'
      ? refuse('too_many_requests', { retryAfterMs: take.retryAfterMs })
      : undefined
  }
}

/** Both headers are lists: one item for each quota that counted. */
function append(reply: FastifyReply, header: string, item: string): void {
  const before = reply.getHeader(header)
  reply.header(header, before === undefined ? item : `${String(before)}, ${item}`)
}

function takeFrom(quota: Quota, key: string, nowMs: number): { quota: Quota; take: Take } {
  const rate = { ratePerS: quota.perMinute / windowS, burst: quota.perMinute }
  const take = takeToken(quota.buckets.get(key), { nowMs, ...rate })
  quota.buckets.set(key, take.bucket)
  return { quota, take }
}

/** `q` requests in a window of `w` seconds. */
const describePolicy = ({ name, perMinute }: Quota): string => `"${name}";q=${perMinute};w=${windowS}`

/** `r` requests are left; after `t` seconds of quiet the whole budget is back. */
function describeBucket({ name, perMinute }: Quota, { fullAtMs }: Bucket, nowMs: number): string {
  const refillS = (fullAtMs - nowMs) / 1_000
  const left = Math.floor(perMinute - (refillS * perMinute) / windowS + dustMs)
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
