/** When a "day" of the limits began: midnight in the configured zone, whatever daylight saving did since. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const parts = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const date = { year: 'numeric', month: '2-digit', day: '2-digit' } as const
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, ...date, ...parts })
  formats.set(zone, format)
  return format
}

/** The calendar day in `zone`, as YYYY-MM-DD: the name of a daily limit's period. */
export function dayOf(nowMs: number, zone: string): string {
  const parts = formatOf(zone).formatToParts(nowMs)
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find(p => p.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')}`
}
