/** Tells a walk in words, a line for each thing that happens, in the walk's own time. */
import type { Fix } from './fixes.ts'
import { formatMoney } from './money.ts'
import type { Listener, WalkEvent, WalkReport } from './walk-event.ts'
import { type Band, bands } from './walker.ts'

const meanings: Readonly<Record<Band, string>> = {
  here: 'right here somewhere',
  hot: 'within 150 m',
  warm: 'within 300 m',
  cool: 'within 500 m',
}

export function createNarrator(write: (line: string) => void): Listener {
  /** Envelopes are numbered as they come into view. */
  const numbers = new Map<string, number>()
  const nameOf = (envelopeId: string): string => {
    const number = numbers.get(envelopeId) ?? numbers.size + 1
    numbers.set(envelopeId, number)
    return `#${number}`.padEnd(4)
  }

  return (event, fix) => {
    const line = tellEvent(event, nameOf)
    write(`${tellTime(fix)}  ${line}`)
  }
}

const tellTime = ({ atMs }: Fix): string => new Date(atMs).toISOString().slice(11, 19)

function tellEvent(event: WalkEvent, nameOf: (envelopeId: string) => string): string {
  switch (event.type) {
    case 'hint': {
      const { envelopeId, band, clue } = event.hint
      const isNew = event.before === undefined
      const about = isNew && clue !== undefined ? `: ${clue.text}` : ''
      return `${nameOf(envelopeId)} ${compareBands(event.before, band)}, ${meanings[band]} (${band})${about}`
    }
    case 'gone':
      return `${nameOf(event.envelopeId)} gone: ${event.reason}`
    case 'warmth':
      return `     envelopes within 1 km: ${event.within1Km}, within 2 km: ${event.within2Km}`
    case 'ignored':
      return `     this fix does not count: ${event.reason}`
    case 'paused':
      return '     too fast: hints pause'
    case 'resumed':
      return '     on foot again: hints go on'
    case 'reconnected':
      return '     connected again'
    case 'refused':
      return `${nameOf(event.envelopeId)} tried: ${event.reason ?? event.code}${tellFigures(event.figures)}`
    case 'pending':
      return `${nameOf(event.envelopeId)} claimed, the answer is to come`
    case 'won': {
      const { envelopeId, amount, place, greeting } = event.win
      const where = place === undefined ? '' : ` at ${place.coordinates[1]}, ${place.coordinates[0]}`
      const money =
        amount === undefined ? 'a coupon' : formatMoney(BigInt(amount.amountMinor), amount.currency)
      return `${nameOf(envelopeId)} WON ${money}${where}${greeting === undefined ? '' : `: ${greeting}`}`
    }
  }
}

function compareBands(before: Band | undefined, now: Band): string {
  if (before === undefined) return 'new'
  return bands.indexOf(now) < bands.indexOf(before) ? 'warmer' : 'colder'
}

const units: Readonly<Record<string, string>> = { M: 'm', Kmh: 'km/h', Ms: 'ms', S: 's' }

/** The numbers behind a refusal, which the sandbox sends: mostly a value and its limit, in the same unit. */
function tellFigures(figures: Record<string, number> = {}): string {
  const entries = Object.entries(figures)
  if (entries.length === 0) return ''
  const [first, second] = entries
  if (entries.length === 2 && second?.[0].startsWith('limit')) {
    const unit = units[second[0].slice('limit'.length)] ?? ''
    return ` (${first?.[1]} > ${second[1]} ${unit})`
  }
  return ` (${entries.map(([name, value]) => `${name} ${value}`).join(', ')})`
}

const tellCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)

/** The lines that end the story, without the money. */
export function describeReport(report: WalkReport): string[] {
  const { fixes, ignored, pausedFixes, distanceM, recordedMs, tookMs, tries, refusals, wins } = report
  const minutes = Math.round(recordedMs / 60_000)
  const speed = tookMs > 0 ? (recordedMs / tookMs).toFixed(1) : '0'
  const ignoredCount = sum(ignored)
  return [
    `Walked ${Math.round(distanceM)} m in ${minutes} min, played in ${(tookMs / 1000).toFixed(1)} s (${speed}×).`,
    `Fixes: ${fixes} sent, ${fixes - ignoredCount} counted, ${pausedFixes} of them too fast for hints` +
      `; ${ignoredCount} ignored${ignoredCount > 0 ? ` (${tellCounts(ignored)})` : ''}.`,
    `Envelopes: ${report.envelopesSeen} seen, ${wins.length} won; ${tries} tries` +
      `${sum(refusals) > 0 ? `, of which ${tellCounts(refusals)}` : ''}.`,
    ...(report.unsettled > 0
      ? [`${report.unsettled} claims were promised an answer that has not come.`]
      : []),
  ]
}
