/**
 * Is an answer like the one that a page shows? The same keys, and the same values, except for what differs from run to
 * run: ids, times, hashes, tokens and amounts are compared by what they look like. "…" on the page stands for anything,
 * and at the end of a list for more of it.
 */
const kinds: readonly [string, RegExp][] = [
  ['uuid v5', /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/],
  ['uuid v7', /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/],
  ['time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/],
  ['sha-256', /^[0-9a-f]{64}$/],
  ['amount', /^\d{2,}$/],
]

const kindOf = (text: string): string => kinds.find(([, pattern]) => pattern.test(text))?.[0] ?? text

/** Numbers that depend on what else happens meanwhile. */
const counters = new Set(['seq'])

/** What is unlike, as lines of `path: shown, found`. */
export function findUnlike(shown: unknown, found: unknown, path = ''): string[] {
  if (shown === '…') return found === undefined ? [`${path}: missing`] : []
  if (Array.isArray(shown)) return compareLists(shown, found, path)
  if (isRecord(shown)) return compareRecords(shown, found, path)
  if (typeof shown === 'string' && typeof found === 'string') return compareTexts(shown, found, path)
  if (typeof found === 'number' && counters.has(path.split('/').at(-1) ?? '')) return []
  return shown === found ? [] : [tell(path, shown, found)]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const tell = (path: string, shown: unknown, found: unknown): string =>
  `${path || '/'}: ${JSON.stringify(shown)} is shown, ${JSON.stringify(found)} came`

function compareLists(shown: readonly unknown[], found: unknown, path: string): string[] {
  if (!Array.isArray(found)) return [tell(path, shown, found)]
  const hasMore = shown.length > 1 && shown.at(-1) === '…'
  const listed = hasMore ? shown.slice(0, -1) : shown
  const isLong = hasMore ? found.length >= listed.length : found.length === listed.length
  if (!isLong) return [`${path}: ${listed.length} items are shown, ${found.length} came`]
  return listed.flatMap((item, i) => findUnlike(item, found[i], `${path}/${i}`))
}

function compareRecords(shown: Record<string, unknown>, found: unknown, path: string): string[] {
  if (!isRecord(found)) return [tell(path, shown, found)]
  const unknown = Object.keys(found).filter(key => !(key in shown))
  return [
    ...unknown.map(key => `${path}/${key}: not shown`),
    ...Object.entries(shown).flatMap(([key, value]) => findUnlike(value, found[key], `${path}/${key}`)),
  ]
}

/** Words are compared one by one, so that ids and amounts inside of a sentence may differ, too. */
function compareTexts(shown: string, found: string, path: string): string[] {
  const words = (text: string) => text.split(/([\s:,]+|\.(?=\s|$))/).map(kindOf)
  const whole = (text: string) => (kindOf(text) === text ? words(text).join('') : kindOf(text))
  return whole(shown) === whole(found) ? [] : [tell(path, shown, found)]
}
