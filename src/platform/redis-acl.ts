/**
 * What the server may do in Redis, and nothing else: read and write keys with its prefix, publish and subscribe with
 * it, run scripts, and ask how Redis is set up. Whoever gets hold of its password, or of a script, can neither empty
 * Redis nor reconfigure it, copy it elsewhere or lock others out.
 */
import { createHash } from 'node:crypto'
import { defaultPrefix } from './redis.ts'

export const redisUser = 'hexbao'

const commands = [
  ...['+@read', '+@write', '+@stream', '+@pubsub', '+@connection'],
  ...['-@dangerous', '-@scripting', '-@blocking'],
  ...['+eval', '+evalsha', '+script|load', '+info', '+time', '+config|get'],
]

/** Rules of a user who is on and has a password, for keys and channels that begin with one of `prefixes`. */
export const listAclRules = (prefixes: readonly string[] = [defaultPrefix]): string[] => [
  ...prefixes.map(prefix => `~${prefix}*`),
  ...prefixes.map(prefix => `&${prefix}*`),
  ...commands,
]

/** A line of users.acl or redis.conf, which names a password by its hash. */
export function formatAclLine(user: string, password: string, prefixes?: readonly string[]): string {
  const hash = createHash('sha256').update(password).digest('hex')
  return `user ${user} on #${hash} ${listAclRules(prefixes).join(' ')}`
}
