/**
 * A day of a game again and again: a crowd over HTTP and over sockets that come and go, a rush, lost replies, and a
 * city of bots that walk, are given hints, find, and cheat; everything that the tools of `src/bin` say, in rounds whose
 * proofs have to hold. The crowd stays the same: a server remembers who has come, up to a limit, and memory that fills
 * for an hour would say nothing.
 */
import { createHttpAsking, openSocketAsking } from '../../src/bin/load/asking.ts'
import { createPlan, type Layout, layOut, type Scenario } from '../../src/bin/load/plan.ts'
import { holds, prove } from '../../src/bin/load/proof.ts'
import { runLoad } from '../../src/bin/load/run-load.ts'
import { type Claimant, hideAt, placeAt, signUpAt } from '../../src/bin/load/stage.ts'
import { judgeThresholds } from '../../src/bin/load/thresholds.ts'
import { builtInArea } from '../../src/bin/bots/area.ts'
import { assignProfiles } from '../../src/bin/bots/census.ts'
import { judge as judgeBots } from '../../src/bin/bots/report.ts'
import { simulate } from '../../src/bin/bots/run.ts'

export type Traffic = {
  url: string
  merchantKey: string
  books: { databaseUrl: string; dataDir: string }
  seed: number
  /** Claims that players begin a second. */
  ratePerS: number
  roundMs: number
  crowd: readonly Claimant[]
  /** Until the end. */
  leftMs(): number
}

export type Round = { what: string; answers: number; broken: readonly string[] }

type Kind = { scenario: Scenario; mode: 'http' | 'socket' }
const kinds: readonly [Kind, ...Kind[]] = [
  { scenario: 'city', mode: 'http' },
  { scenario: 'city', mode: 'socket' },
  { scenario: 'rush', mode: 'http' },
  { scenario: 'retry', mode: 'http' },
]
const CROWD = { players: 1_500, envelopes: 75 }
const SHARES = 40
/**
 * Percent. A machine that does something else for a while makes players come late, and the server refuse some of them;
 * what this is about is what a server becomes in half an hour, and that nobody is told anything wrong.
 */
const MOST = { failedPercent: 5, missedPercent: 50 }
const CITY = { speedMps: 1.4, noiseM: 8, envelopes: 60, pace: 10, record: undefined }
const BOTS = 60
/** Bots are new ones in each round, and stay long. */
const BOTS_MS = 8 * 60_000
const MOST_OF_BOTS = { refusedPercent: 1, cheatsPercent: 0, differences: 0 }
const AT_ONCE = 512
const silent = () => undefined

const layoutOf = (scenario: Scenario, players = CROWD.players): Layout =>
  layOut(scenario, { players, envelopes: CROWD.envelopes })
const city = layoutOf('city')

/** Each stands at a place of the city. */
export const gatherCrowd = ({ url }: Pick<Traffic, 'url'>): Promise<readonly Claimant[]> => {
  const { players, places } = city
  return signUpAt({ url, points: Array.from({ length: players }, (_, i) => placeAt(i % places, places)) })
}

export async function playLoad(traffic: Traffic, round: number): Promise<Round> {
  const { url, merchantKey, books, seed, ratePerS, roundMs } = traffic
  const { scenario, mode } = kinds[round % kinds.length] ?? kinds[0]
  // A rush is at one place, of those who are there.
  const claimants = traffic.crowd.filter((_, i) => scenario !== 'rush' || i % city.places === 0)
  const layout = layoutOf(scenario, claimants.length)
  const points = Array.from({ length: layout.envelopes }, (_, i) => placeAt(i % layout.places, city.places))
  // Envelopes end soon after their round, so that ends are a part of it.
  const livesMs = roundMs + 120_000
  const stage = { claimants, targets: await hideAt({ url, merchantKey, shares: SHARES, livesMs, points }) }
  const asking = mode === 'http' ? createHttpAsking(url, claimants) : await openSocketAsking(url, claimants)
  const plan = createPlan({ scenario, layout, ratePerS, seed: seed + round })
  const load = runLoad({ stage, plan, asking, durationMs: roundMs, atOnce: AT_ONCE })
  const result = await load.finally(() => asking.close())
  const { promises, unresolved, answers } = result
  const proof = await prove({ url, merchantKey, stage, promises, isComplete: unresolved === 0, ...books })
  const unproven = holds(proof) ? [] : [`proof: ${proof.faults.join('; ')} ${JSON.stringify(proof.ledger)}`]
  return {
    what: `${scenario} over ${mode}`,
    answers,
    broken: [...judgeThresholds(result, MOST), ...unproven],
  }
}

export async function playBots(traffic: Traffic, round: number): Promise<Round> {
  const { url, merchantKey, books, seed, leftMs } = traffic
  const forMs = Math.min(BOTS_MS, Math.max(traffic.roundMs, leftMs())) * CITY.pace
  const outcome = await simulate({
    ...{ ...CITY, url, merchantKey, books, bots: assignProfiles(BOTS, ['mix']), area: builtInArea() },
    ...{ seed: seed + round, forMs, say: silent },
  })
  const { honest, lies } = outcome.counted
  const answers = honest.fixes + honest.tries + lies.told
  return { what: 'bots', answers, broken: judgeBots(outcome, MOST_OF_BOTS) }
}
