/** The run: request after request, each drawn from the seed and its number, each answer judged and learned from. */
import { createDice, type Dice } from '../simulation/dice.ts'
import type { ApiDocument } from './document.ts'
import { type Actor, createMemory, learn } from './memory.ts'
import { type Answer, codeOf, createJudge, isShed, judgeLog } from './oracle.ts'
import { describeRequest, type Making, makeRequest, type Request } from './request.ts'
import { spoil } from './spoil.ts'
import type { Stage } from './stage.ts'
import { createOperator, createTellers, type Tellers, thawOf, type Turn } from './tellers.ts'

export type Fault = {
  no: number
  operation: string
  faults: readonly string[]
  request: string
  answer: string
}

export type Tally = {
  requests: number
  /** Answers by status, and of refusals by status and code. */
  outcomes: Map<string, number>
  /** Requests to each operation, and how many of them ended well. */
  operations: Map<string, { asked: number; good: number /** Of the last good request. */; refusal?: string }>
  spoilt: number
  overSocket: number
  /** Refused because the machine was busy. */
  shed: number
  faults: Fault[]
}

export type Run = {
  seed: number
  requests: number
  /** Under way at a time. With more than one, a seed does not repeat a run to the letter. */
  atOnce?: number
  /** Asked before each request. */
  isOver?: () => boolean
  document: ApiDocument
  stage: Stage
  secrets: Secrets
}
type Secrets = { operatorKey: string; callbackSecret: string }

/** Said at once: a long run is not waited for. */
function onFault(tally: Tally, fault: Fault): void {
  tally.faults.push(fault)
  process.stderr.write(`${JSON.stringify(fault)}\n`)
}

/** A run that has found this much is about one mistake. */
const mostFaults = 25
/** The clock goes on by so much between two requests, at most: what is under way must not take half a minute of it. */
const stepMs = 1_000

export async function fuzz(
  { seed, requests, atOnce = 1, isOver = () => false, document, stage, secrets }: Run,
  onProgress: (tally: Tally, no: number) => void = () => {},
): Promise<Tally> {
  const memory = createMemory()
  const dice = createDice(seed)
  createOperator(memory, secrets.operatorKey, dice)
  const tellers = createTellers({ document, dice })
  const judge = createJudge(document)
  const tally = createTally(document)

  async function ask(no: number): Promise<void> {
    // A request follows from the seed, its number, and what is known by then.
    const own = createDice(seed + no)
    stage.clock.advance(own.between(0, Math.ceil(stepMs / atOnce)))
    const nowMs = stage.clock.nowMs()
    const making = { document, memory, dice: own, nowMs, callbackSecret: secrets.callbackSecret }
    const { request, turn } = choose(making, tellers, no)
    if (turn !== undefined) tellers.start(turn)
    const [answer, ...thrown] = await stage.send(request).then(
      got => [got] as const,
      (error: unknown) => [undefined, `not to be sent: ${String(error)}`] as const,
    )
    const faults = [...thrown, ...judge(request, answer), ...judgeLog(request, stage.takeLog())]
    count(tally, request, answer)
    if (faults.length > 0) onFault(tally, describeFault(no, request, answer, faults))
    settle({ making, tellers, no }, { request, turn, answer })
    if (no % 1_000 === 0) onProgress(tally, no)
  }

  let next = 1
  const goOn = async (): Promise<void> => {
    while (next <= requests && tally.faults.length < mostFaults && !isOver()) await ask(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, goOn))
  return tally
}

/** What ends things, and stories with them: in turn with everything else, little would live long. */
const ending = new Set([
  ...['revokeApiKey', 'replaceApiKeys', 'banPlayer', 'closeCampaign', 'closeEnvelope', 'voidCouponPool'],
  ...[
    'removeServiceRequest',
    'cancelServiceRequest',
    'deleteWebhookEndpoint',
    'freeze',
    'setCap',
    'pauseCampaign',
  ],
])

/** A step of a story, or anything; as it should be, or broken. */
function choose(making: Making, tellers: Tellers, no: number): { request: Request; turn?: Turn } {
  const { dice, document } = making
  const turn = dice.chance(0.5) ? tellers.next(making, no) : undefined
  // A broken request about what a story has come to; the story itself goes on with its next turn.
  if (turn !== undefined) {
    return dice.chance(0.3)
      ? { request: spoil(turn.request, making) }
      : { request: route(turn.request, dice), turn }
  }
  let shape = dice.pick(document.shapes)
  while (ending.has(shape.id) && dice.chance(0.8)) shape = dice.pick(document.shapes)
  const request = makeRequest(making, shape)
  return { request: dice.chance(0.6) ? spoil(request, making) : route(request, dice) }
}

const route = (request: Request, dice: Dice): Request =>
  dice.chance(0.05) ? { ...request, via: 'socket' } : request

type Outcome = { request: Request; turn: Turn | undefined; answer: Answer | undefined }

function settle(
  { making, tellers, no }: { making: Making; tellers: Tellers; no: number },
  { request, turn, answer }: { request: Request; turn?: Turn | undefined; answer: Answer | undefined },
): void {
  const isGood = answer !== undefined && answer.status >= 200 && answer.status < 300
  const body = isGood && !answer.isCut ? readJson(answer) : undefined
  const { shape, actor, home, params } = request
  let made: Actor[] = []
  if (isGood && shape !== undefined) {
    const told = { ...{ shape, actor, home }, parent: params['id'], body }
    made = learn(making.memory, told)
    if (turn !== undefined) learn(turn.told.cast.memory, told)
    const thaws = thawOf(request)
    if (thaws !== undefined && turn === undefined) tellers.tell(thaws)
  }
  forget(making, { request, turn, answer })
  if (turn !== undefined) tellers.take(turn, { no, isGood, body, made })
}

/** Whose credential does not count any more is nobody. */
function forget({ memory }: Making, { request: { actor, spoilt }, answer }: Outcome): void {
  const isOver = answer?.status === 401 || (answer?.status === 403 && answer.text.includes('"banned"'))
  if (!isOver || spoilt.length > 0 || actor === undefined || actor.kind === 'operator') return
  const at = memory.actors.indexOf(actor)
  if (at >= 0) memory.actors.splice(at, 1)
}

function readJson({ text, headers }: Answer): unknown {
  if (!headers['content-type']?.includes('json')) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const createTally = ({ shapes }: ApiDocument): Tally => ({
  ...{ requests: 0, spoilt: 0, overSocket: 0, shed: 0, outcomes: new Map(), faults: [] },
  operations: new Map(shapes.map(({ id }) => [id, { asked: 0, good: 0 }])),
})

function count(tally: Tally, { shape, spoilt, via }: Request, answer: Answer | undefined): void {
  tally.requests++
  if (spoilt.length > 0) tally.spoilt++
  if (via === 'socket') tally.overSocket++
  if (answer !== undefined && isShed(answer)) tally.shed++
  const status = answer?.status ?? 0
  const outcome =
    status >= 400 ? `${status} ${codeOf(answer?.text ?? '')}` : status === 0 ? 'none' : String(status)
  tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1)
  const one = tally.operations.get(shape?.id ?? '')
  if (one === undefined) return
  one.asked++
  if (status >= 200 && status < 300) one.good++
  else if (spoilt.length === 0) one.refusal = `${outcome} ${answer?.text.slice(0, 300)}`
}

const describeFault = (
  no: number,
  request: Request,
  answer: Answer | undefined,
  faults: readonly string[],
): Fault => ({
  ...{ no, faults, operation: request.shape?.id ?? 'none', request: describeRequest(request) },
  answer: `${answer?.status} ${answer?.headers['content-type']} ${answer?.text.slice(0, 2_000)}`,
})
