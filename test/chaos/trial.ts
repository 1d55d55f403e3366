/**
 * One run, from empty services to the verdict: people, load, faults on top of it, everything healed, quiet, audit.
 * What decides is the audit and nothing else: how the servers fare meanwhile is their business.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { runTool } from '../bin/run-tool.ts'
import { audit, type Findings, listStuck } from './audit.ts'
import { createClient, nobody } from './client.ts'
import { createDice } from '../../src/bin/play/dice.ts'
import type { Fault } from './faults/fault.ts'
import { type Errands, startErrands } from './errands.ts'
import { type Struck, unleash } from './faults/unleash.ts'
import { type Listener, startListener } from './listener.ts'
import { type Load, startLoad } from './load.ts'
import { gatherPeople } from './people.ts'
import { createPromises, type Promised } from './promises.ts'
import { createRig, type Rig } from './rig.ts'

const answerWithinMs = 60_000

export type TrialOptions = {
  seed: number
  plan: readonly Fault[]
  overMs: number
  latestMs: number
  servers: number
  /** PostgreSQL answers before it has written, which no server would start with: then promises have to break. */
  isForgetful: boolean
  /** See {@link Rig}. */
  patience: number
  /** Claims begun a second, at most. */
  rate: number
  /** Faults that go on at a time, at most. */
  atOnce: number
  /** Of nothing, before the audit. `least` is enough where nothing is stuck any more. */
  quietMs: { least: number; most: number }
  progress: (line: string) => void
}

export type Verdict = {
  seed: number
  struck: Struck
  /** The longest time from the end of a fault of each kind to the next win; others may have gone on meanwhile. */
  recoveredMs: ReadonlyMap<string, number>
  answers: ReadonlyMap<string, number>
  attempts: number
  wins: number
  webhooks: number
  hides: number
  closes: number
  /** Service requests that were posted, and whose end was told. */
  errands: { posted: number; ended: number }
  tookMs: { faults: number; healing: number; quiet: number }
  findings: Findings
  /** Answers that contradict each other or that nobody should get, clients without any, servers that gave up. */
  odd: readonly string[]
  reconciled: boolean
  reconciliation: string
  holds: boolean
}

export async function runTrial(options: TrialOptions): Promise<Verdict> {
  const promises = createPromises()
  const rig = await createRig({ ...options, onOwnDeath: promises.noteOdd })
  try {
    return await play(rig, promises, options)
  } finally {
    await rig.close()
  }
}

async function play(
  rig: Rig,
  promises: ReturnType<typeof createPromises>,
  { seed, plan, isForgetful, overMs, latestMs, rate, atOnce, quietMs, progress }: TrialOptions,
): Promise<Verdict> {
  if (rig.ramDisk === undefined) {
    progress('NO FULL DISK: a tmpfs can only be mounted by root on Linux; faults of that kind do not strike')
  }
  const dice = createDice(seed)
  const [first] = rig.servers
  while (!rig.servers.every(server => server.isUp())) await sleep(50)
  const squares = await gatherPeople({
    ...{ url: first?.url ?? '', databaseUrl: rig.databaseUrl(), ...rig.secrets },
    ...{ squares: 6, crowd: 400 },
  })
  const merchants = squares.flatMap(({ hiders }) => hiders.filter(({ kind }) => kind === 'merchant'))
  const credentials = merchants.map(({ credential }) => credential)
  const listener = await startListener({ url: first?.url ?? '', credentials })
  if (isForgetful) await makeForgetful(rig)
  const client = createClient({ servers: rig.servers, dice: dice.fork() })
  const load = startLoad({ client, squares, promises, dice: dice.fork(), rate, envelopes: 16 })
  // A source of its own: what the others draw is as it was without them.
  const errands = startErrands({
    ...{ client, squares, promises, dice: createDice(seed + 1), operatorKey: rig.secrets.operatorKey },
  })

  // Faults that nobody feels prove nothing.
  while (promises.wins.size < 20) await sleep(50)
  progress(`${plan.length} faults over ${Math.round(overMs / 1_000)} s, seed ${seed}`)
  const startMs = Date.now()
  const recovery = watchRecovery(() => promises.wins.size)
  const struck = await unleash(rig, plan, { dice, overMs, latestMs, atOnce, onOver: recovery.begin })
  const healingMs = Date.now()
  progress('healed; whoever still asks is answered')
  const isAnswered = await answerAll(load, errands)
  if (!isAnswered) client.giveUp()
  const quietFromMs = Date.now()
  recovery.end()
  progress('quiet')
  await beQuiet(rig, listener, quietMs)
  const doneMs = Date.now()

  const place = { databaseUrl: rig.databaseUrl(), askRedis: rig.redis.ask }
  const findings = await audit(place, promises)
  findings.missing.push(...(await listener.listWrong(place.databaseUrl)))
  findings.stuck.push(...(await listener.listWaiting(place.databaseUrl)))
  listener.close()
  const env = { DATABASE_URL: rig.databaseUrl(), REDIS_URL: rig.redis.url() }
  const { code, stdout, stderr } = await runTool('reconcile', ['--json'], env)
  const odd = [
    ...promises.contradictions,
    ...(isAnswered ? [] : ['a client got no final answer']),
    ...[...client.answers.keys()].filter(answer => / (500|400|401) /.test(`${answer} `)),
  ]
  const tried = [...client.answers].filter(([name]) => name.startsWith('claim ') && !name.endsWith(nobody))
  const attempts = tried.reduce((sum, [, n]) => sum + n, 0)
  return {
    ...{ seed, struck, answers: client.answers, attempts, findings, odd, recoveredMs: recovery.longest },
    ...{ webhooks: listener.messages() },
    ...{ wins: promises.wins.size, hides: promises.hides.size, closes: promises.closes.size },
    errands: countErrands(promises),
    tookMs: { faults: healingMs - startMs, healing: quietFromMs - healingMs, quiet: doneMs - quietFromMs },
    reconciled: code === 0,
    reconciliation: code === 0 ? '' : `${stdout}${stderr}`,
    holds: code === 0 && odd.length === 0 && countFindings(findings) === 0,
  }
}

/** What PostgreSQL has answered stays in its memory for ten seconds. */
async function makeForgetful(rig: Rig): Promise<void> {
  const client = new Client({ connectionString: rig.databaseUrl() })
  await client.connect()
  await client.query('alter database hexbao set synchronous_commit = off')
  await client.query(`alter system set wal_writer_delay = '10s'`)
  await client.query('select pg_reload_conf()')
  await client.end()
  for (const server of rig.servers) server.postgres.reset()
}

/** How long it takes until somebody wins again. */
function watchRecovery(countWins: () => number) {
  const longest = new Map<string, number>()
  let isOver = false
  const watch = async (kind: string) => {
    const [startMs, before] = [Date.now(), countWins()]
    while (countWins() === before && !isOver) await sleep(10)
    if (countWins() > before) longest.set(kind, Math.max(longest.get(kind) ?? 0, Date.now() - startMs))
  }
  return { longest, begin: (kind: string) => void watch(kind), end: () => (isOver = true) }
}

const countErrands = ({ errands }: Pick<Promised, 'errands'>) => ({
  posted: errands.size,
  ended: [...errands.values()].filter(({ end }) => end !== undefined).length,
})

export const countFindings = (found: Findings): number =>
  Number(found.centsOff) +
  [found.oversold, found.paidTwice, found.missing, found.stuck].reduce((sum, list) => sum + list.length, 0)

/** Whether everybody has a final answer in time. A gate that rolled back is mended by whoever asks next, so some do. */
async function answerAll(load: Load, errands: Errands): Promise<boolean> {
  const answering = Promise.all([load.finish(), errands.finish()]).then(async () => {
    for (let i = 0; i < 3; i++) await load.visitAll()
    return true
  })
  return await Promise.race([answering, sleep(answerWithinMs, false, { ref: false })])
}

async function beQuiet(
  rig: Rig,
  listener: Listener,
  { least, most }: TrialOptions['quietMs'],
): Promise<void> {
  const startMs = Date.now()
  await sleep(least)
  const place = { databaseUrl: rig.databaseUrl(), askRedis: rig.redis.ask }
  const isStuck = async () =>
    (await listStuck(place)).length > 0 || (await listener.listWaiting(place.databaseUrl)).length > 0
  while (Date.now() - startMs < most && (await isStuck())) await sleep(1_000)
}
