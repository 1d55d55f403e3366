/** The attacks that are tried, what each supposes and how much the promise lets it learn. */
import { claimEnvelope, revealEnvelope } from '#protocol/rest/claims.ts'
import type { AskBy } from './game-build.ts'
import { crowdHypotheses, distanceHypotheses, type Hypothesis } from './hypothesis.ts'
import { type NaiveHint, naiveM } from './naive-build.ts'
import * as strategies from './strategies.ts'
import type { Strategy } from './strategies.ts'

export type Attack = {
  name: string
  strategy: Strategy
  hypotheses: readonly Hypothesis[]
  /** The resolution of the cell that nobody may look into this way. */
  boundary: 10 | 12
  /** Where it looks for the envelope, from where it starts. */
  reachM: number
  /** The naive build that it is made for. */
  naive: NaiveHint
  /** Over these it reaches the server. */
  wires: readonly ('rest' | 'socket')[]
  /** How it asks for the envelope, where it does. */
  askBy?: AskBy
}

/** The default of an envelope, and of the naive build. */
const claimRadiusM = naiveM.reach
const distances = distanceHypotheses(claimRadiusM)
const byHints = { hypotheses: distances, boundary: 10, reachM: 700 } as const

const hintAttacks: readonly Attack[] = [
  {
    ...byHints,
    name: 'trilateration',
    strategy: strategies.trilaterate,
    naive: 'distance',
    wires: ['rest', 'socket'],
  },
  {
    ...byHints,
    name: 'band edges on rays',
    strategy: strategies.bisectBands,
    naive: 'bands',
    wires: ['rest', 'socket'],
  },
  {
    ...byHints,
    name: 'warmth edges on rays',
    strategy: strategies.bisectWarmth,
    naive: 'bands',
    wires: ['rest', 'socket'],
    reachM: 2_600,
  },
  {
    ...byHints,
    name: 'averaging',
    strategy: strategies.average,
    naive: 'noisy distance',
    wires: ['rest'],
  },
  {
    ...byHints,
    name: 'city sweep',
    strategy: strategies.sweep,
    naive: 'distance',
    wires: ['rest'],
    reachM: 1_800,
  },
  {
    ...byHints,
    name: 'hiding as a probe',
    strategy: strategies.traceCrowd,
    hypotheses: crowdHypotheses(naiveM.crowd),
    naive: 'bands',
    wires: ['rest'],
  },
]

/** What answers by whether one is within reach. A win is told once: whoever has it hears it again from anywhere. */
export const reachOperations: readonly AskBy[] = [
  { name: 'claim', operation: claimEnvelope, winsOnce: true },
  { name: 'reveal', operation: revealEnvelope, winsOnce: false },
]

/** An operation that tells whether one is within reach, with as many accounts as it takes. */
const reachAttack = (askBy: AskBy): Attack => ({
  ...byHints,
  name: `${askBy.name} as a disk`,
  strategy: strategies.traceReach,
  boundary: 12,
  naive: 'bands',
  wires: ['rest'],
  askBy,
})

/** All of them; whatever else answers by reach is added to the operations here. */
export const attacks: readonly Attack[] = [...hintAttacks, ...reachOperations.map(reachAttack)]
