/**
 * Secrecy: the same attacks on a naive build, where each has to find the envelope to a metre, or it would be no attack;
 * and on the server as it ships in production mode, where none may get below the cell that it is told anyway.
 */
import { reachOperations } from '../attack/attacks.ts'
import type { Finding } from '../attack/finding.ts'
import { startGame } from '../attack/game.ts'
import { type Meter, readMeter } from '../attack/meter.ts'
import { attackGame, attackNaive, precisionM } from '../attack/trial.ts'
import type { Teardown } from '../acceptance/launch.ts'
import type { Found } from './lines.ts'

const NAIVE = { own: 1, others: 2, effort: { rays: 3, precisionM, repeats: 5_000 } }
const OURS = { own: 1, others: 1, effort: { rays: 3, precisionM: 1, repeats: 20 } }
const AT_ONCE = 4
/** The naive build has to be found to so much. */
const FOUND_M = 1

export async function proveSecrecy(
  seed: number,
  t: Teardown,
  progress: (line: string) => void,
): Promise<Found> {
  const naive = await attackNaive({ seed, size: NAIVE })
  const game = await startGame(t)
  const onFinding = ({ attack, build, verdict }: Finding) => progress(`${attack} on ${build}: ${verdict}`)
  const ours = await attackGame(game, { size: OURS, atOnce: AT_ONCE, onFinding })
  const meter = await readMeter(game, reachOperations)
  return judgeSecrecy({ naive, ours, meter })
}

export type Attacked = {
  naive: readonly Pick<Finding, 'verdict' | 'worstErrorM'>[]
  ours: readonly Pick<Finding, 'attack' | 'verdict' | 'isRight' | 'areaM2' | 'boundaryM2' | 'requests'>[]
  meter: Pick<Meter, 'holds'>
}

export function judgeSecrecy({ naive, ours, meter }: Attacked): Found {
  const worstM = Math.max(...naive.map(({ worstErrorM }) => worstErrorM))
  const isReal = naive.length > 0 && naive.every(({ verdict }) => verdict === 'leaks') && worstM <= FOUND_M
  // An attacker who is mistaken about all of it has understood nothing, which proves nothing.
  const leaks = ours.filter(({ verdict, isRight }) => verdict !== 'holds' || !isRight)
  const least = Math.min(...ours.map(({ areaM2, boundaryM2 }) => areaM2 / boundaryM2))
  const asked = ours.reduce((sum, { requests }) => sum + requests, 0)
  const names = leaks.map(({ attack }) => attack).join(', ')
  const said = [
    `${naive.length} attacks find an envelope of a naive build to ${worstM.toFixed(2)} m`,
    leaks.length === 0
      ? `ours to ${least.toFixed(2)} of one cell at best (${ours.length} tries, ${asked.toLocaleString('en')} requests)`
      : `ours BELOW ONE CELL, or not at all: ${names}`,
    meter.holds ? 'failed tries are metered' : 'FAILED TRIES ARE NOT METERED',
  ].join('; ')
  return { holds: isReal && ours.length > 0 && leaks.length === 0 && meter.holds, said }
}
