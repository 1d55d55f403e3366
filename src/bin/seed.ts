/**
 * `npm run seed`: hides envelopes at real places. A rerun hides nothing twice: it fills only the places whose envelope
 * has ended. Exit code 0: one lies at every place, 1: not, 2: usage.
 */
import { limits } from '#protocol/limits.ts'
import { describeProblem } from './play/rest-client.ts'
import {
  defaultUrl,
  type ExitCode,
  findDataDir,
  findSecret,
  parseCommandLine,
  readSource,
  readUrl,
  readWhole,
  runCommand,
} from './play/command-line.ts'
import { formatMoney } from './play/money.ts'
import { builtInPlaces, type Place, readPlaces } from './play/places.ts'
import { type SeedOutcome, seedPlaces } from './play/seed-places.ts'
import { centroidOf, readAround, shiftAll } from './play/shift.ts'
import { UsageFault } from './play/usage-fault.ts'

const { envelope } = limits
const radius = envelope.claimRadiusM

const usage = `Usage: npm run seed -- [file.geojson|-] [options]
  file.geojson       a FeatureCollection of Points with a name each, - for standard input; default: the Bund, Shanghai
  --around=LAT,LNG   moves the places there, as they lie to each other
  --url URL          the server, default ${defaultUrl}
  --key hbk_…        the merchant's key, default: the demo merchant's in DATA_DIR (.data)
  --total MINOR      in each envelope, in minor units, default 10000
  --shares N         of each envelope, default 10
  --split lucky|equal
  --radius M         of the claim, ${radius.min} to ${radius.max} m, default ${radius.default}
  --expires 72h      minutes (m), hours (h) or days (d), rounded up to the full hour; default 72h`

async function seed(): Promise<ExitCode> {
  const { values, positionals } = parseCommandLine({
    allowPositionals: true,
    options: {
      around: { type: 'string' },
      url: { type: 'string', default: defaultUrl },
      key: { type: 'string' },
      total: { type: 'string' },
      shares: { type: 'string' },
      split: { type: 'string', default: 'lucky' },
      radius: { type: 'string' },
      expires: { type: 'string' },
    },
  })
  const { split } = values
  if (split !== 'lucky' && split !== 'equal') throw new UsageFault(`--split is lucky or equal, not ${split}`)
  const max = Number(limits.money.maxMinor)
  const total = readWhole(values.total, { option: '--total', min: 1, max })
  const shares = readWhole(values.shares, { option: '--shares', min: 1, max: envelope.merchantShares })
  const claimRadiusM = readWhole(values.radius, { option: '--radius', ...radius })
  const expiresAt = readExpiry(values.expires)
  const places = findPlaces(positionals, values.around)

  const seeded = await seedPlaces({
    url: readUrl(values.url),
    ...(await findMerchant(values.key)),
    places,
    split,
    ...(total !== undefined && { totalMinor: BigInt(total) }),
    ...(shares !== undefined && { shares }),
    ...(claimRadiusM !== undefined && { claimRadiusM }),
    ...(expiresAt !== undefined && { expiresAt }),
    onPlace: outcome => process.stdout.write(`${describeOutcome(outcome)}\n`),
  })

  const { hidden, refused, escrowedMinor, currency } = seeded
  const count = hidden.filter(({ isNew }) => isNew).length
  const lines = [`Hidden ${count} of ${places.length}, ${formatMoney(escrowedMinor, currency)} in escrow.`]
  if (count < hidden.length) lines.push(`${hidden.length - count} lay there already.`)
  if (refused.length > 0) lines.push(`${refused.length} refused.`)
  process.stdout.write(`${lines.join(' ')}\n`)
  return refused.length === 0 ? 0 : 1
}

function findPlaces([source, ...more]: readonly string[], around: string | undefined): readonly Place[] {
  if (more.length > 0) throw new UsageFault(`one file at a time, not also ${more.join(' ')}`)
  const places = source === undefined ? builtInPlaces : readPlaces(readSource(source))
  return around === undefined
    ? places
    : shiftAll(places, { from: centroidOf(places), to: readAround(around) })
}

/** The demo merchant's seeds count as what the first start hid; anybody else's are their own. */
async function findMerchant(
  given: string | undefined,
): Promise<{ merchantKey: string; idempotencyScope: string }> {
  if (given !== undefined) return { merchantKey: given, idempotencyScope: 'seed' }
  const merchantKey = await findSecret('demoMerchantKey')
  if (merchantKey === undefined) {
    const dataDir = findDataDir()
    throw new UsageFault(
      `there is no merchant's key in ${dataDir}: start the server with npm start, or pass --key`,
    )
  }
  return { merchantKey, idempotencyScope: (await findSecret('demoScope')) ?? 'seed' }
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Up to the full hour, so that two runs within it ask for the same; nothing where it is the server's default. */
function readExpiry(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? []
  const lengthMs = Number(count) * (unitsMs[unit ?? ''] ?? Number.NaN)
  if (!Number.isFinite(lengthMs)) throw new UsageFault(`--expires is a time like 90m, 72h or 7d, not ${text}`)
  if (lengthMs === envelope.lifetimeMs.default) return undefined
  const hourMs = 3_600_000
  return new Date(Math.ceil((Date.now() + lengthMs) / hourMs) * hourMs).toISOString()
}

function describeOutcome(outcome: SeedOutcome): string {
  const { name, lat, lng } = outcome.place
  const where = `${name} (${lat}, ${lng})`
  if (outcome.status === 'refused') return `refused  ${where}: ${describeProblem(outcome.problem)}`
  return `${outcome.isNew ? 'hidden ' : 'already'}  ${where}: ${outcome.id}`
}

await runCommand(usage, seed)
