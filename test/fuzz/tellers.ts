/** Stories that are told at the same time, a step each in turn, so that each has its own pace. */
import type { Dice } from '../simulation/dice.ts'
import type { ApiDocument, Shape } from './document.ts'
import { drawHome } from './hints.ts'
import { type Actor, addActor, createMemory, type Memory } from './memory.ts'
import { type Making, makeRequest, pickActor, type Request } from './request.ts'
import { type Cast, type Story, stories, thaw } from './stories.ts'

type Running = {
  story: Story
  at: number
  tries: number
  notBefore: number
  /** Its step is under way. */
  isBusy: boolean
  cast: Omit<Cast, 'nowMs'>
  actors: Map<string, Actor>
}

export type Turn = { request: Request; told: Running }

export type Tellers = {
  /** The request of one story's next step; nothing where all of them wait. */
  next(making: Making, no: number): Turn | undefined
  /** The step is taken; until its outcome is told, it is nobody else's. */
  start(turn: Turn): void
  /** What came of it. */
  take(turn: Turn, outcome: { no: number; isGood: boolean; body: unknown; made: readonly Actor[] }): void
  /** Another one, before all others. */
  tell(story: Story): void
}

const atOnce = 5
const waitFor = 40
const patience = 80

export function createTellers({ document, dice }: { document: ApiDocument; dice: Dice }): Tellers {
  const shapes = new Map(document.shapes.map(shape => [shape.id, shape]))
  const running: Running[] = []
  const urgent: Running[] = []
  const line: Story[] = []

  function begin(story: Story): Running {
    const memory = createMemory()
    const last = (kind: string) => memory.things.get(kind)?.at(-1)?.id
    const cast = { home: drawHome(dice), memory, last }
    return { story, at: 0, tries: 0, notBefore: 0, isBusy: false, cast, actors: new Map() }
  }

  function fill(): void {
    while (running.length < atOnce) {
      // Each is told as often as every other one.
      if (line.length === 0) line.push(...shuffle(stories, dice))
      const story = line.shift()
      if (story !== undefined) running.push(begin(story))
    }
  }

  function end(told: Running): void {
    const list = urgent.includes(told) ? urgent : running
    list.splice(list.indexOf(told), 1)
  }

  return {
    tell: story => void urgent.push(begin(story)),
    next(making, no) {
      fill()
      const ready = running.filter(({ notBefore, isBusy }) => !isBusy && notBefore <= no)
      if (ready.length === 0) return undefined
      const told = urgent.find(({ isBusy }) => !isBusy) ?? dice.pick(ready)
      const { story, at, cast, actors } = told
      const step = story[at]
      const shape = shapes.get(step?.call ?? '')
      if (step === undefined || shape === undefined) throw new Error(`there is no operation ${step?.call}`)
      const actor = findActor(making.memory, actors, { as: step.as, shape, dice })
      const wish = step.wish?.({ ...cast, nowMs: making.nowMs }) ?? {}
      const request = makeRequest(making, shape, {
        ...{ actor, home: cast.home, isPlain: true },
        things: kind => cast.memory.things.get(kind)?.at(-1),
        ...wish,
      })
      return { request, told }
    },
    start: ({ told }) => void (told.isBusy = true),
    take({ told }, { no, isGood, body, made }) {
      const step = told.story[told.at]
      const [actor] = made
      told.isBusy = false
      if (step !== undefined && actor !== undefined) {
        const isAnotherKey = step.call === 'createApiKey'
        if (!isAnotherKey) told.actors.set(actor.kind === 'merchant' ? 'merchant' : step.as, actor)
      }
      const isThere = step?.until === undefined || step.until((body ?? {}) as Record<string, unknown>)
      if (isGood && !isThere && ++told.tries < patience) {
        told.notBefore = no + waitFor
        return
      }
      told.at++
      told.tries = 0
      if (told.at >= told.story.length) end(told)
    },
  }
}

type Part = { as: string; shape: Shape; dice: Dice }

/** Whoever a story calls `merchant` without having made one is one for all of it. */
function findActor(memory: Memory, actors: Map<string, Actor>, { as, shape, dice }: Part): Actor | undefined {
  if (shape.callers.length === 0) return undefined
  const known = actors.get(as)
  if (known !== undefined) return known
  const found = pickActor(memory, as === 'operator' ? ['operator'] : shape.callers, dice)
  if (found !== undefined && as !== 'operator') actors.set(as, found)
  return found
}

function shuffle<V>(values: readonly V[], dice: Dice): V[] {
  return values
    .map(value => [dice.fraction(), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value)
}

export const createOperator = (memory: Memory, credential: string, dice: Dice): void =>
  addActor(memory, { kind: 'operator', credential, home: drawHome(dice) })

/** What ends a freeze that a request has just begun. */
export function thawOf({ shape, json }: Request): Story | undefined {
  const target = (json as { target?: object } | undefined)?.target
  const isStop = shape?.id === 'freeze' || shape?.id === 'setCap'
  return isStop && target !== undefined ? thaw(target) : undefined
}
