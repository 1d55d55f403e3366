/** From settings to an outcome: the scene, the city or the replay in it, a view of it meanwhile, and the proof. */
import { prove } from '../load/proof.ts'
import { findDataDir } from '../play/command-line.ts'
import type { Area } from './area.ts'
import { type Census, createCensus } from './census.ts'
import { runCity } from './city.ts'
import { type BotsClock, createClock } from './clock.ts'
import { openJournal, readJournal } from './journal.ts'
import { drawSpots, type Journey, type Profile } from './profiles.ts'
import { replay } from './replay.ts'
import type { Outcome } from './report.ts'
import { type Scene, setScene } from './scene.ts'
import { createScreen, createSights, describeProgress, drawMap, legend } from './view.ts'

export type RunOptions = {
  url: string
  merchantKey: string
  bots: readonly Profile[]
  seed: number
  speedMps: number
  noiseM: number
  area: Area
  envelopes: number
  /** On the bots' clock. */
  forMs: number
  pace: number | undefined
  record: string | undefined
  signal?: AbortSignal
  /** Where the server's books are looked for; without it, where all tools look. */
  books?: { databaseUrl: string | undefined; dataDir: string }
  /** Where progress goes; standard error without it. */
  say?: (line: string) => void
}

const USUAL_PACE = 30
/** Envelopes outlive the bots, also where those come late. */
const LIVES_LONGER_MS = 2 * 3_600_000

const toStderr = (line: string): void => void process.stderr.write(`${line}\n`)

export async function simulate(options: RunOptions): Promise<Outcome> {
  const { bots, seed, area, speedMps, noiseM, forMs, pace = USUAL_PACE, record, signal, say } = options
  const spots = drawSpots(area, { seed, count: options.envelopes })
  const livesMs = forMs / pace + LIVES_LONGER_MS
  const scene = await setScene({ ...options, spots, bots: bots.length, pace, livesMs, say: say ?? toStderr })
  const [census, clock] = [createCensus(), createClock(pace, signal)]
  const sights = createSights(bots)
  const title = { hexbao: 'bots', version: 1, bots: bots.length, pace, spots } as const
  const journal = record === undefined ? undefined : await openJournal(record, title)
  const journeys = bots.map(
    (profile, bot): Journey => ({ profile, seed, bot, area, spots, speedMps, noiseM, forMs }),
  )
  const lines = () => drawMap(area, spots, sights.sights.values())
  const stopWatching = watch({ census, clock, forMs, drawLines: lines, say })
  try {
    const shared = { ...options, scene, clock, census, journal, journeys, onMove: sights.note }
    const result = await runCity(shared)
    const proof = await proveScene(options, scene, { ...result, isCutOff: census.read().faults.length > 0 })
    return { bots, seed, pace, counted: census.read(), ...result, proof, replayed: undefined }
  } finally {
    stopWatching()
    await journal?.close()
  }
}

export type ReplayRun = Pick<
  RunOptions,
  'url' | 'merchantKey' | 'pace' | 'record' | 'signal' | 'say' | 'books'
> & {
  file: string
}

export async function replayFile(options: ReplayRun): Promise<Outcome> {
  const { title, entries } = await readJournal(options.file)
  const { spots } = title
  const { pace = title.pace, record, signal, say } = options
  const livesMs = 12 * LIVES_LONGER_MS
  const scene = await setScene({ ...options, spots, bots: title.bots, pace, livesMs, say: say ?? toStderr })
  const [census, clock] = [createCensus(), createClock(pace, signal)]
  const journal = record === undefined ? undefined : await openJournal(record, { ...title, pace })
  const stopWatching = watch({ census, clock, forMs: Infinity, drawLines: undefined, say })
  try {
    const result = await replay({ ...options, entries, scene, clock, census, journal })
    const { asked, differences, hints } = result
    const proof = await proveScene(options, scene, { ...result, isCutOff: false })
    const bots = Array.from({ length: title.bots }, (): Profile => 'tourist')
    const replayed = { asked, differences, hints }
    return { bots, seed: 0, pace, counted: census.read(), ...result, proof, replayed }
  } finally {
    stopWatching()
    await journal?.close()
  }
}

type Ended = Pick<Outcome, 'unsettled'> &
  Pick<Parameters<typeof prove>[0], 'promises'> & { isCutOff: boolean }

/** Whoever was cut off may have won and not been told. */
const proveScene = (
  { url, merchantKey, books }: Pick<RunOptions, 'url' | 'merchantKey' | 'books'>,
  stage: Scene,
  { promises, unsettled, isCutOff }: Ended,
) =>
  prove({
    ...{ url, merchantKey, stage, promises, isComplete: unsettled === 0 && !isCutOff },
    ...(books ?? { databaseUrl: process.env.DATABASE_URL, dataDir: findDataDir() }),
  })

const VIEW_MS = { terminal: 500, log: 5_000 } as const

type Watching = {
  census: Census
  clock: BotsClock
  forMs: number
  /** Of the map; there is none of a replay. */
  drawLines: (() => string[]) | undefined
  say: RunOptions['say']
}

/** Until the function that it returns is called. */
function watch({ census, clock, forMs, drawLines, say }: Watching): () => void {
  const progress = () => describeProgress(census.read(), { atMs: clock.nowMs(), forMs })
  const isTerminal = say === undefined && process.stderr.isTTY
  const screen = createScreen(text => void process.stderr.write(text))
  const tell = (): void => {
    if (isTerminal) screen.show([...(drawLines?.() ?? []), legend, progress()])
    else (say ?? toStderr)(progress())
  }
  const timer = setInterval(tell, isTerminal ? VIEW_MS.terminal : VIEW_MS.log)
  return () => {
    clearInterval(timer)
    tell()
  }
}
