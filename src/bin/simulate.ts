/**
 * `npm run simulate`: a city of bots over the reference client, at a sandbox that runs: honest people of several kinds
 * and cheats, the same ones for the same seed; recorded and replayed. Exit code 0: the books are right, no cheat
 * succeeded, and hardly anything honest was refused; 1: not; 2: usage.
 */
import { limits as protocolLimits } from '#protocol/limits.ts'
import { builtInArea, readArea } from './bots/area.ts'
import { assignProfiles } from './bots/census.ts'
import { type Profile, profiles } from './bots/profiles.ts'
import { replayFile, simulate } from './bots/run.ts'
import { describeJson, formatOutcome, judge, type Outcome } from './bots/report.ts'
import { readMerchantKey } from './load/settings.ts'
import {
  defaultUrl,
  type ExitCode,
  parseCommandLine,
  readSource,
  readUrl,
  readWhole,
  runCommand,
} from './play/command-line.ts'
import { UsageFault } from './play/usage-fault.ts'

const { maxTimeScale } = protocolLimits.sandbox
const MOST = { bots: 5_000, envelopes: 500, minutes: 1_440 }

const usage = `Usage: npm run simulate -- [options]
  --bots N            1 to ${MOST.bots}; default 100
  --profile NAME      several times, or mix (the default):
${Object.entries(profiles)
  .map(([name, what]) => `${' '.repeat(22)}${name}: ${what}`)
  .join('\n')}
  --seed N            of all movements; default 1
  --speed MPS         of who walks, 0.1 to 10 metres a second; default 1.4
  --noise M           that 68 % of the fixes are off at most, 0 to 100; default 8
  --area FILE         GeoJSON of polygons or points, - for standard input; default: the Bund
  --envelopes N       that are hidden there, 1 to ${MOST.envelopes}; default 20
  --minutes N         on the bots' own clock, 1 to ${MOST.minutes}; default 15
  --pace N            how fast that clock runs, 1 to ${maxTimeScale}; default 30
  --record FILE       what was said and answered, NDJSON
  --replay FILE       says it again, to this server; --pace: at another pace
  --url URL           the server, default ${defaultUrl}
  --key hbk_…         the merchant's key, default: the demo merchant's in DATA_DIR (.data)
  --refused PERCENT   fails where more of what is honest is refused; default 1
  --cheats PERCENT    fails where more of the cheats succeed; default 0
  --differences N     fails where more answers of a replay differ; default 0
  --json              the report for machines`

async function main(): Promise<ExitCode> {
  const settings = readSettings()
  const { url, key, json, replay, thresholds } = settings
  const calledOff = new AbortController()
  process.once('SIGINT', () => calledOff.abort())
  const shared = { ...settings, merchantKey: await readMerchantKey(key), url, signal: calledOff.signal }
  const outcome =
    replay === undefined ? await simulate(shared) : await replayFile({ ...shared, file: replay })
  return print(outcome, { json, thresholds })
}

function print(outcome: Outcome, { json, thresholds }: Pick<Settings, 'json' | 'thresholds'>): ExitCode {
  const broken = judge(outcome, thresholds)
  const text = json ? describeJson(outcome, broken) : formatOutcome(outcome, broken).join('\n')
  process.stdout.write(`${text}\n`)
  return broken.length === 0 ? 0 : 1
}

type Settings = ReturnType<typeof readSettings>

const options = {
  bots: { type: 'string' },
  profile: { type: 'string', multiple: true },
  seed: { type: 'string' },
  speed: { type: 'string' },
  noise: { type: 'string' },
  area: { type: 'string' },
  envelopes: { type: 'string' },
  minutes: { type: 'string' },
  pace: { type: 'string' },
  record: { type: 'string' },
  replay: { type: 'string' },
  url: { type: 'string', default: defaultUrl },
  key: { type: 'string' },
  refused: { type: 'string' },
  cheats: { type: 'string' },
  differences: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** What a journal says already. */
const ofTheRecord = ['bots', 'profile', 'seed', 'speed', 'noise', 'area', 'envelopes', 'minutes'] as const

function readSettings() {
  const { values } = parseCommandLine({ options })
  const { replay, record, area, json, key } = values
  const clash = ofTheRecord.find(name => replay !== undefined && values[name] !== undefined)
  if (clash !== undefined) throw new UsageFault(`--${clash} is in the file of --replay`)
  if (replay !== undefined && replay === record)
    throw new UsageFault('--record would overwrite what is replayed')
  const number = (name: Numeric, usual: number, [min, max]: Range): number =>
    readNumber(values[name], { name, min, max }) ?? usual
  const whole = (name: Numeric, usual: number, [min, max]: Range): number =>
    readWhole(values[name], { option: `--${name}`, min, max }) ?? usual
  const bots = whole('bots', 100, [1, MOST.bots])
  return {
    ...{ replay, record, json, key, url: readUrl(values.url) },
    bots: assignProfiles(bots, (values.profile ?? ['mix']).map(readProfile)),
    seed: whole('seed', 1, [0, 2 ** 31]),
    speedMps: number('speed', 1.4, [0.1, 10]),
    noiseM: number('noise', 8, [0, 100]),
    area: area === undefined ? builtInArea() : readArea(readSource(area)),
    envelopes: whole('envelopes', 20, [1, MOST.envelopes]),
    forMs: whole('minutes', 15, [1, MOST.minutes]) * 60_000,
    pace: readWhole(values.pace, { option: '--pace', min: 1, max: maxTimeScale }),
    thresholds: {
      refusedPercent: number('refused', 1, [0, 100]),
      cheatsPercent: number('cheats', 0, [0, 100]),
      differences: whole('differences', 0, [0, 2 ** 31]),
    },
  }
}

type Range = readonly [number, number]
type Numeric = Exclude<keyof typeof options, 'profile' | 'json'>

function readNumber(
  text: string | undefined,
  { name, min, max }: { name: string; min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageFault(`--${name} is a number from ${min} to ${max}, not ${text}`)
}

function readProfile(text: string): Profile | 'mix' {
  const names = [...Object.keys(profiles), 'mix'] as (Profile | 'mix')[]
  const found = names.find(name => name === text)
  if (found !== undefined) return found
  throw new UsageFault(`--profile is ${names.join(', ')}, not ${text}`)
}

await runCommand(usage, main)
