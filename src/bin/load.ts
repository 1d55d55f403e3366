/**
 * `npm run load`: sends a crowd at a sandbox, at a rate that does not ask whether it keeps up, and proves afterwards
 * that every share was paid once. Exit code 0: the proof holds and no threshold was passed, 1: not, 2: usage.
 */
import { writeFile } from 'node:fs/promises'
import { type Asking, createHttpAsking, openSocketAsking } from './load/asking.ts'
import { createPlan, layOut, type Scenario, scenarios } from './load/plan.ts'
import { holds, type Proof, prove } from './load/proof.ts'
import { describeProgress, formatProof, formatResult } from './load/report.ts'
import { type LoadResult, type Progress, runLoad } from './load/run-load.ts'
import { readMerchantKey, readSeconds } from './load/settings.ts'
import { setStage, type Stage } from './load/stage.ts'
import { describeJson, judgeThresholds, type Thresholds } from './load/thresholds.ts'
import {
  defaultUrl,
  type ExitCode,
  findDataDir,
  parseCommandLine,
  readUrl,
  readWhole,
  runCommand,
} from './play/command-line.ts'
import { UsageFault } from './play/usage-fault.ts'

const usage = `Usage: npm run load -- [options]
  --scenario NAME     ${Object.entries(scenarios)
    .map(([name, what]) => `${name}: ${what}`)
    .join(`\n${' '.repeat(22)}`)}; default city
  --players N         who sign up, 1 to 20000; default 500
  --envelopes N       that are hidden, 1 to 500; default 100, always 1 in a rush
  --shares N          of each envelope, 1 to 10000; default 100
  --rate N            players who come in a second, at random moments; default 200
  --duration 30s      seconds (s) or minutes (m); default 10s
  --seed N            of who comes when; default 1
  --mode http|socket  default http
  --at-once N         visits under way, at most: whoever comes then is missed; default 512
  --url URL           the server, default ${defaultUrl}
  --key hbk_…         the merchant's key, default: the demo merchant's in DATA_DIR (.data)
  --p99 MS            fails where answers take longer
  --failed PERCENT    fails where more answers are faults; default 0
  --missed PERCENT    fails where more players are missed; default 1
  --json FILE         the report for machines`

const toStdout = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function load(): Promise<ExitCode> {
  const settings = readSettings()
  const { url, scenario, mode, json, thresholds } = settings
  const merchantKey = await readMerchantKey(settings.key)
  const layout = layOut(scenario, settings)
  const livesMs = settings.durationMs + 2 * 3_600_000
  const stage = await setStage({ url, merchantKey, layout, shares: settings.shares, livesMs, say })
  const asking = await open(mode, url, stage)
  const result = await run(asking, stage, settings)

  const proof = await prove({
    ...{ url, merchantKey, stage, promises: result.promises, isComplete: result.unresolved === 0 },
    ...{ databaseUrl: process.env.DATABASE_URL, dataDir: findDataDir() },
  })
  const broken = judgeThresholds(result, thresholds)
  toStdout([...formatResult(result), ...formatProof(proof), ...broken])
  if (scenario === 'rush') toStdout([`Once more: npm run reconcile -- --envelope ${stage.targets[0]?.id}`])
  if (json !== undefined) await writeReport(json, { settings, result, proof, broken })
  return holds(proof) && broken.length === 0 ? 0 : 1
}

type Settings = ReturnType<typeof readSettings>

function readSettings() {
  const { values } = parseCommandLine({
    options: {
      scenario: { type: 'string', default: 'city' },
      players: { type: 'string' },
      envelopes: { type: 'string' },
      shares: { type: 'string' },
      rate: { type: 'string' },
      duration: { type: 'string', default: '10s' },
      seed: { type: 'string' },
      mode: { type: 'string', default: 'http' },
      'at-once': { type: 'string' },
      url: { type: 'string', default: defaultUrl },
      key: { type: 'string' },
      p99: { type: 'string' },
      failed: { type: 'string' },
      missed: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const { scenario, mode } = values
  if (!isScenario(scenario)) throw new UsageFault(`--scenario is ${Object.keys(scenarios).join(', ')}`)
  if (mode !== 'http' && mode !== 'socket') throw new UsageFault(`--mode is http or socket, not ${mode}`)
  const whole = (name: Numeric, usual: number, max: number, min = 1): number =>
    readWhole(values[name], { option: `--${name}`, min, max }) ?? usual
  const thresholds: Thresholds = {
    p99Ms: readWhole(values.p99, { option: '--p99', min: 1, max: 600_000 }),
    failedPercent: whole('failed', 0, 100, 0),
    missedPercent: whole('missed', 1, 100, 0),
  }
  return {
    ...{ scenario, mode, url: readUrl(values.url), key: values.key, json: values.json, thresholds },
    players: whole('players', 500, 20_000),
    envelopes: whole('envelopes', 100, 500),
    shares: whole('shares', 100, 10_000),
    ratePerS: whole('rate', 200, 100_000),
    durationMs: readSeconds(values.duration),
    seed: whole('seed', 1, 2 ** 31, 0),
    atOnce: whole('at-once', 512, 10_000),
  }
}

type Numeric = 'players' | 'envelopes' | 'shares' | 'rate' | 'seed' | 'at-once' | 'failed' | 'missed'

const isScenario = (name: string): name is Scenario => Object.hasOwn(scenarios, name)

async function open(mode: Settings['mode'], url: string, { claimants }: Stage): Promise<Asking> {
  if (mode === 'http') return createHttpAsking(url, claimants)
  say(`${claimants.length} sockets open`)
  return openSocketAsking(url, claimants)
}

async function run(asking: Asking, stage: Stage, settings: Settings): Promise<LoadResult> {
  const { scenario, players, envelopes, ratePerS, seed, durationMs, atOnce } = settings
  const layout = layOut(scenario, { players, envelopes })
  const plan = createPlan({ scenario, layout, ratePerS, seed })
  const isTerminal = process.stderr.isTTY
  const onProgress = (progress: Progress) =>
    void process.stderr.write(
      isTerminal ? `\r\x1b[K${describeProgress(progress)}` : `${describeProgress(progress)}\n`,
    )
  try {
    return await runLoad({ stage, plan, asking, durationMs, atOnce, onProgress })
  } finally {
    if (isTerminal) say('')
    asking.close()
  }
}

type Report = { settings: Settings; result: LoadResult; proof: Proof; broken: readonly string[] }

async function writeReport(file: string, report: Report): Promise<void> {
  const { key: _, ...settings } = report.settings
  const proven = { ...report.proof, holds: holds(report.proof) }
  const all = { settings, ...describeJson(report.result), proof: proven, broken: report.broken }
  const decimal = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
  await writeFile(file, `${JSON.stringify(all, decimal, 2)}\n`)
  say(file)
}

await runCommand(usage, load)
