/** Who is believed and who may call from a browser, as the configuration lists them: each one spelled out. */
import { isIP } from 'node:net'

export const splitList = (list: string): string[] =>
  list
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')

/** Ranges that proxy-addr, which judges X-Forwarded-For, knows by name. */
const namedRanges = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** Whoever trusts every address believes whatever a client says, so there is no word for all of them. */
const findBadProxy = (proxies: readonly string[]): string | undefined =>
  proxies.find(proxy => !namedRanges.has(proxy) && !isAddressOrRange(proxy))

function isAddressOrRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  return /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

/** The first entry that no browser sends as an Origin: a wildcard, a path, a slash at the end, `null`. */
const findBadOrigin = (origins: readonly string[]): string | undefined =>
  origins.find(
    origin =>
      !/^https?:\/\/[^*]+$/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin,
  )

/** What is wrong with the lists, in words that name the variable. */
export function findExposure(lists: {
  origins: readonly string[]
  trustedProxies: readonly string[]
}): string | undefined {
  const [proxy, origin] = [findBadProxy(lists.trustedProxies), findBadOrigin(lists.origins)]
  if (proxy !== undefined) return `TRUST_PROXY: ${proxy} is no address of a proxy, and no range of them`
  return origin && `ORIGINS: ${origin} is not scheme://host or scheme://host:port`
}
