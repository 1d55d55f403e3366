/**
 * Which addresses a request of ours to a URL of somebody else may go to: those of the public internet, and none behind
 * which something trusts us for where we are. IPv6 is judged by what is allowed, the global unicast range, IPv4 by what
 * is not (IANA special-purpose registries, RFC 6890), with the addresses at which clouds answer their own machines.
 */
import { BlockList, isIP, isIPv6 } from 'node:net'

const ranges = (family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/')
    list.addSubnet(address, Number(bits), family)
  }
  return list
}

const special4 = ranges('ipv4', [
  '0.0.0.0/8', // this network
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT; Alibaba's metadata
  '127.0.0.0/8',
  '168.63.129.16/32', // Azure's host
  '169.254.0.0/16', // link-local; metadata of most clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments; Oracle's metadata
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
])
const loopback4 = ranges('ipv4', ['127.0.0.0/8'])

const global6 = ranges('ipv6', ['2000::/3'])
const special6 = ranges('ipv6', [
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which holds an IPv4 address
  '3fff::/20', // documentation
])
/** NAT64 reaches the IPv4 address in the last 32 bits. */
const nat64 = ranges('ipv6', ['64:ff9b::/96'])

/** `allowsLoopback`: also this machine itself, for a sandbox. Anything that is no address is not public. */
export function isPublicAddress(address: string, { allowsLoopback }: { allowsLoopback: boolean }): boolean {
  if (isIP(address) === 4) {
    return !special4.check(address, 'ipv4') || (allowsLoopback && loopback4.check(address, 'ipv4'))
  }
  // A zone (`fe80::1%eth0`) only belongs to addresses of the link.
  if (!isIPv6(address) || address.includes('%')) return false
  if (nat64.check(address, 'ipv6')) return isPublicAddress(embedded(address), { allowsLoopback: false })
  if (allowsLoopback && spell(address) === '::1') return true
  return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6')
}

/** The one shortest spelling. */
const spell = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1)

function embedded(address: string): string {
  const [high = 0, low = 0] = spell(address)
    .split(':')
    .slice(-2)
    .map(group => Number.parseInt(group || '0', 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

export type UrlVerdict =
  | { status: 'ok'; url: URL }
  | { status: 'refused'; reason: 'url_invalid' | 'scheme' | 'port' | 'address' }

export type JudgeUrl = (text: string) => UrlVerdict

/** What can be said of a URL before its name is looked up. */
export function judgeUrl(text: string, { isSandbox }: { isSandbox: boolean }): UrlVerdict {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === '' && url.hash === '' && url.hostname !== ''
  if (url === undefined || !isPlain) return { status: 'refused', reason: 'url_invalid' }
  const schemes = isSandbox ? ['https:', 'http:'] : ['https:']
  if (!schemes.includes(url.protocol)) return { status: 'refused', reason: 'scheme' }
  if (!isPortAllowed(portOf(url), isSandbox)) return { status: 'refused', reason: 'port' }
  const literal = hostOf(url)
  const isRefused = isIP(literal) !== 0 && !isPublicAddress(literal, { allowsLoopback: isSandbox })
  return isRefused ? { status: 'refused', reason: 'address' } : { status: 'ok', url }
}

export const portOf = ({ port, protocol }: URL): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)

/** The name, or the address without brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

/** Where web servers listen, and not mail, databases or what an administrator runs beside them. */
const isPortAllowed = (port: number, isSandbox: boolean): boolean =>
  [443, 8_443].includes(port) || (isSandbox && (port === 80 || port >= 1_024))
