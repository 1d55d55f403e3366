/** What one check of the machinery found, in words for whoever runs it. */
export type Check = {
  /** What is looked at, short: `fsync`, `Redis memory`. */
  name: string
  status: 'ok' | 'warning' | 'failed'
  /** What was found; when it is not ok also what it should be and what to do. */
  detail: string
  /** A failure loses, doubles or forgets money sooner or later: the server does not start with it. */
  money: boolean
}

/** PostgreSQL or Redis cannot be asked at all, so nothing can be said about it. */
export class Unreachable extends Error {
  override name = 'Unreachable'
}

export const passed = (name: string, detail: string): Check => ({
  name,
  status: 'ok',
  detail,
  money: false,
})

export const warned = (name: string, detail: string): Check => ({
  name,
  status: 'warning',
  detail,
  money: false,
})

export const failed = (name: string, detail: string, { money }: { money: boolean }): Check => ({
  name,
  status: 'failed',
  detail,
  money,
})

/** Where a URL points to, without its password. */
export function describeUrl(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}
