/**
 * `npm run load:tokens -- N`: signs up N players at one place, hides an envelope there, and writes what an outside tool
 * needs to claim it as CSV: token, fix, envelope. Exit code 0: written, 1: the server is not there or is no sandbox,
 * 2: usage.
 */
import { setStage } from './load/stage.ts'
import { readMerchantKey } from './load/settings.ts'
import {
  defaultUrl,
  type ExitCode,
  parseCommandLine,
  readUrl,
  readWhole,
  runCommand,
} from './play/command-line.ts'
import { UsageFault } from './play/usage-fault.ts'

const usage = `Usage: npm run load:tokens -- N [options] > tokens.csv
  N              players, 1 to 20000
  --shares N     of the envelope that they may claim, 1 to 10000; default 100
  --url URL      the server, default ${defaultUrl}
  --key hbk_…    the merchant's key, default: the demo merchant's in DATA_DIR (.data)`

const LIVES_MS = 24 * 3_600_000

async function writeTokens(): Promise<ExitCode> {
  const { values, positionals } = parseCommandLine({
    allowPositionals: true,
    options: {
      shares: { type: 'string' },
      url: { type: 'string', default: defaultUrl },
      key: { type: 'string' },
    },
  })
  const [count, ...more] = positionals
  if (count === undefined || more.length > 0) throw new UsageFault('how many players?')
  const players = readWhole(count, { option: 'N', min: 1, max: 20_000 }) ?? 1
  const shares = readWhole(values.shares, { option: '--shares', min: 1, max: 10_000 }) ?? 100
  const url = readUrl(values.url)
  const merchantKey = await readMerchantKey(values.key)
  const layout = { players, envelopes: 1, places: 1 }
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const { claimants, targets } = await setStage({ url, merchantKey, layout, shares, livesMs: LIVES_MS, say })
  const envelopeId = targets[0]?.id
  const rows = claimants.map(({ token, fix: { lat, lng, accuracyM } }) =>
    [token, lat, lng, accuracyM, envelopeId].join(),
  )
  process.stdout.write(`${['token,lat,lng,accuracyM,envelopeId', ...rows].join('\n')}\n`)
  say(`The proof behind any tool: npm run reconcile -- --envelope ${envelopeId}`)
  return 0
}

await runCommand(usage, writeTokens)
