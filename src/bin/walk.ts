/**
 * `npm run walk`: plays one honest player along a recorded walk: sends the fixes in time, prints the hints as they
 * come, claims what comes within reach, and counts the money at the end. Exit code 0: every cent is where it belongs,
 * 1: not, 2: usage.
 */
import { limits } from '#protocol/limits.ts'
import { getMe, getWallet, signUpPlayer } from '#protocol/rest/players.ts'
import { checkTitles, countDifferences } from '../ledger/reconcile.ts'
import { checkLedger, checkWallet, type LedgerCheck, readPurse, type WalletCheck } from './play/books.ts'
import {
  defaultUrl,
  type ExitCode,
  findDataDir,
  parseCommandLine,
  readSource,
  readUrl,
  readWhole,
  runCommand,
} from './play/command-line.ts'
import { type Fix, readBuiltInWalk, readFixes } from './play/fixes.ts'
import { formatMoney } from './play/money.ts'
import { createNarrator, describeReport } from './play/narrator.ts'
import { builtInPlaces } from './play/places.ts'
import { createRestClient, demand } from './play/rest-client.ts'
import { centroidOf, readAround, shiftAll } from './play/shift.ts'
import { takeWalk } from './play/take-walk.ts'
import { UsageFault } from './play/usage-fault.ts'
import type { WalkReport } from './play/walk-event.ts'

const { maxTimeScale } = limits.sandbox

const usage = `Usage: npm run walk -- [walk.csv|-] [options]
  walk.csv           fixes as at,lat,lng, - for standard input; default: past the places of npm run seed
  --around=LAT,LNG   moves the walk there; with the built-in one, to where npm run seed -- --around moved the places
  --speed N          how fast the walk's clock runs, 1 to ${maxTimeScale}; default 60, with --token the player's own
  --accuracy M       of the fixes, in metres, default 8
  --url URL          the server, default ${defaultUrl}
  --token TOKEN      plays an existing player; default: a new one of the sandbox
  --quiet            only the end of the story
  --json             only the end, as JSON`

const toStdout = (line: string): void => void process.stdout.write(`${line}\n`)

async function walk(): Promise<ExitCode> {
  const { values, positionals } = parseCommandLine({
    allowPositionals: true,
    options: {
      around: { type: 'string' },
      speed: { type: 'string' },
      accuracy: { type: 'string' },
      url: { type: 'string', default: defaultUrl },
      token: { type: 'string' },
      quiet: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const fixes = findFixes(positionals, values.around)
  const speed = readWhole(values.speed, { option: '--speed', min: 1, max: maxTimeScale })
  const accuracyM = readWhole(values.accuracy, { option: '--accuracy', min: 0, max: 100_000 }) ?? 8
  const url = readUrl(values.url)
  const player = await (values.token === undefined ? signUp(url, speed) : recognise(url, values.token, speed))

  const client = createRestClient({ url, credential: player.token })
  const readWallet = async () => readPurse(demand(await client.call(getWallet, {}), 'the wallet').balances)
  const before = await readWallet()
  const isSilent = values.quiet || values.json
  const onEvent = isSilent ? () => undefined : createNarrator(toStdout)
  const report = await takeWalk({ url, client, fixes, accuracyM, onEvent, ...player })

  const after = await readWallet()
  const wallet = checkWallet(before, report.wins, after)
  const databaseUrl = process.env.DATABASE_URL
  const ledger = await checkLedger(
    { databaseUrl, dataDir: findDataDir() },
    { playerId: player.id, purse: after },
  )
  const isBalanced =
    report.unsettled === 0 &&
    wallet.every(({ differenceMinor }) => differenceMinor === 0n) &&
    (ledger.status === 'unseen' || countDifferences(ledger) === 0)
  const end = { report, wallet, ledger, isBalanced }
  toStdout(values.json ? formatJson(end) : formatEnd(end).join('\n'))
  return isBalanced ? 0 : 1
}

function findFixes([source, ...more]: readonly string[], around: string | undefined): Fix[] {
  if (more.length > 0) throw new UsageFault(`one walk at a time, not also ${more.join(' ')}`)
  const fixes = source === undefined ? readBuiltInWalk() : readFixes(readSource(source))
  if (around === undefined) return fixes
  return shiftAll(fixes, {
    from: centroidOf(source === undefined ? builtInPlaces : fixes),
    to: readAround(around),
  })
}

type Player = { id: string; token: string; speed: number }

async function signUp(url: string, speed = Math.min(60, maxTimeScale)): Promise<Player> {
  const body = { timeScale: speed }
  const answer = await createRestClient({ url }).call(signUpPlayer, { body })
  const { player, token } = demand(answer, 'signing up (outside the sandbox, pass --token)')
  return { id: player.id, token, speed }
}

/** Time cannot run faster for a player than the server lets it. */
async function recognise(url: string, token: string, speed: number | undefined): Promise<Player> {
  const answer = await createRestClient({ url, credential: token }).call(getMe, {})
  const { id, timeScale } = demand(answer, 'the token')
  if (speed === undefined || speed <= timeScale) return { id, token, speed: speed ?? timeScale }
  throw new UsageFault(
    `--speed ${speed}: the clock of this player runs at ${timeScale}, which is the fastest`,
  )
}

type End = {
  report: WalkReport
  wallet: readonly WalletCheck[]
  ledger: LedgerCheck
  isBalanced: boolean
}

function formatEnd({ report, wallet, ledger, isBalanced }: End): string[] {
  const balanced = ledger.status === 'unseen' ? 'The wallet is right.' : 'Every cent is where it belongs.'
  return [
    '',
    ...describeReport(report),
    ...wallet.map(describeWallet),
    ...describeLedger(ledger),
    isBalanced ? balanced : 'THE MONEY DOES NOT ADD UP.',
  ]
}

function describeWallet({
  currency,
  beforeMinor,
  wonMinor,
  afterMinor,
  differenceMinor,
}: WalletCheck): string {
  const [before, won, after] = [beforeMinor, wonMinor, afterMinor].map(minor => formatMoney(minor, currency))
  const verdict = differenceMinor === 0n ? 'right' : `WRONG by ${formatMoney(differenceMinor, currency)}`
  return `Wallet: ${before} before, ${won} won, ${after} now: ${verdict}.`
}

function describeLedger(ledger: LedgerCheck): string[] {
  if (ledger.status === 'unseen') return [`Books: ${ledger.why}, so only the wallet was compared.`]
  const { checks, envelopes, transfers } = ledger
  const faults = checks.filter(({ differences }) => differences > 0)
  const verdict = faults.length === 0 ? 'no difference' : `${countDifferences(ledger)} DIFFERENCES`
  return [
    `Books: ${envelopes} envelopes and ${transfers} transfers counted again, ${checks.length} checks: ${verdict}.`,
    ...faults.map(({ name, differences }) => `  ${differences} times not so: ${checkTitles[name]}`),
  ]
}

const formatJson = (end: End): string =>
  JSON.stringify(end, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)

await runCommand(usage, walk)
