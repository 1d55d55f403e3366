/**
 * The load of a bench, in a process of its own: a closed loop of so many connections, each of which asks again as soon
 * as it is answered, over HTTP or over sockets. What it sends was made beforehand, connections are open before the
 * clock runs, and of what comes it reads little.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createHistogram } from '../../src/bin/load/histogram.ts'
import { createKeepAlive, formatRest, type KeepAlive } from '../../src/bin/load/keep-alive.ts'
import { answerQuestions } from './processes.ts'
import { openRawSocket, type RawSocket, textFrame } from './raw-socket.ts'

export type Crowd = { do: 'gather'; tokens: readonly string[]; body: object }

/** Request number i is that of player i modulo their count, for the envelope after so many rounds of all players. */
export type HttpJob = {
  do: 'http'
  url: string
  /** With `{id}`. */
  path: string
  envelopeIds: readonly string[]
  connections: number
  /** The first so many; all without it. */
  players?: number
  /** Ends after this long, or once every player has had a final answer. */
  until: { forMs: number } | 'everybody was answered'
}

export type SocketsJob = {
  do: 'open'
  url: string
  path: string
  count: number
  /** Sent by each as soon as it is open. */
  greeting?: string
}

/** Each of `sockets` sends the next of `texts` when an answer came: a frame in which one of `answers` stands. */
export type TalkJob = {
  do: 'talk'
  texts: readonly string[]
  answers: readonly string[]
  sockets: number
  forMs: number
}

/** From now on frames with `text` in them are counted; `heard` is answered when so many have come. */
export type HearJob = { do: 'expect'; text: string; count: number } | { do: 'heard' }

export type Job = Crowd | HttpJob | SocketsJob | TalkJob | HearJob | { do: 'close' }

/** `counts` by code or status, or by what answered; `frames`: all that came, answers or not. */
export type Loaded = {
  answers: number
  tookMs: number
  p50Ms: number
  p99Ms: number
  counts: Record<string, number>
  frames: number
}
/** When the last of those who were to hear it did, by the clock on the wall. */
export type Heard = { atMs: number; sample: string }

let suffixes: readonly { token: string; body: object }[] = []
let sockets: RawSocket[] = []
let onText: (index: number, text: Buffer) => void = () => undefined
let hearing: Promise<Heard> | undefined
/** Sockets that the server has closed, by code. */
let closed: Record<number, number> = {}

answerQuestions((question): unknown => {
  const job = question as Job
  switch (job.do) {
    case 'gather':
      suffixes = job.tokens.map(token => ({ token, body: job.body }))
      return undefined
    case 'http':
      return askOverHttp(job)
    case 'open':
      return openAll(job)
    case 'talk':
      return talk(job)
    case 'expect':
      hearing = hear(job)
      // Whoever asks for it hears of a fault, too.
      hearing.catch(() => undefined)
      return undefined
    case 'heard':
      return hearing
    case 'close':
      sockets.forEach(socket => socket.close())
      sockets = []
      return undefined
  }
})

const codeOf = (body: string): string => /"(?:code|status)":"(\w+)"/.exec(body)?.[1] ?? 'nothing'

function createTally() {
  const latency = createHistogram()
  const counts: Record<string, number> = {}
  const startMs = performance.now()
  return {
    startMs,
    note(name: string, tookMs: number): void {
      latency.record(tookMs)
      counts[name] = (counts[name] ?? 0) + 1
    },
    end: (): Loaded => ({
      ...{ answers: latency.count(), tookMs: performance.now() - startMs, counts, frames: 0 },
      ...{ p50Ms: latency.quantileMs(0.5), p99Ms: latency.quantileMs(0.99) },
    }),
  }
}

/** Where the server says so, the same player asks again. */
const passing = new Set(['try_again', 'unavailable', 'too_many_requests', 'pending'])
const AGAIN_MS = 100

async function askOverHttp({
  url,
  path,
  envelopeIds,
  connections,
  players,
  until,
}: HttpJob): Promise<Loaded> {
  const requests = suffixes.slice(0, players).map(one => formatRest({ url, ...one }))
  const paths = envelopeIds.map(id => `POST ${path.replace('{id}', id)}`)
  const lines = Array.from({ length: connections }, () => createKeepAlive(url))
  await Promise.all(lines.map(line => line.connect()))
  const tally = createTally()
  const forMs = until === 'everybody was answered' ? Infinity : until.forMs
  const last = until === 'everybody was answered' ? requests.length : Infinity
  let next = 0

  async function ask(line: KeepAlive): Promise<void> {
    while (next < last && performance.now() - tally.startMs < forMs) {
      const i = next++
      const request = `${paths[Math.floor(i / requests.length) % paths.length]}${requests[i % requests.length]}`
      for (;;) {
        const sentMs = performance.now()
        const code = await new Promise<string>(resolve =>
          line.ask(request, outcome => resolve(typeof outcome === 'string' ? outcome : codeOf(outcome.body))),
        )
        tally.note(code, performance.now() - sentMs)
        if (until !== 'everybody was answered' || !passing.has(code)) break
        await sleep(AGAIN_MS)
      }
    }
  }

  await Promise.all(lines.map(ask))
  for (const line of lines) line.close()
  return tally.end()
}

const OPENED_AT_ONCE = 50
const REFUSED_MS = 250
const SILENT_MS = 30_000

async function openAll({ url, path, count, greeting }: SocketsJob): Promise<void> {
  const first = greeting === undefined ? undefined : textFrame(greeting)
  let next = sockets.length
  async function openSome(): Promise<void> {
    while (next < count) {
      const index = next++
      const token = suffixes[index % Math.max(1, suffixes.length)]?.token
      for (;;) {
        const opened = await openRawSocket({
          ...{ url, path, ...(token !== undefined && { token }) },
          onText: text => onText(index, text),
          onClose: code => (closed[code] = (closed[code] ?? 0) + 1),
        }).catch((error: Error) => (error.message === '503' ? undefined : Promise.reject(error)))
        if (opened === undefined) {
          await sleep(REFUSED_MS)
          continue
        }
        sockets[index] = opened
        if (first !== undefined) opened.send(first)
        break
      }
    }
  }
  closed = {}
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openSome))
}

const TAIL_MS = 600
/** By socket, of all talks: who has just said one thing says the other. */
const turns: number[] = []

async function talk({ texts, answers, sockets: count, forMs }: TalkJob): Promise<Loaded> {
  const frames = texts.map(textFrame)
  const wanted = answers.map(text => Buffer.from(text))
  const sentMs: number[] = []
  const tally = createTally()
  let heard = 0
  let left = count

  await new Promise<void>((resolve, reject) => {
    rejectAfter(forMs, reject, () => `${left} of ${count} wait`)
    const send = (index: number) => {
      if (performance.now() - tally.startMs >= forMs) return void (--left === 0 && resolve())
      const turn = turns[index] ?? 0
      turns[index] = turn + 1
      sentMs[index] = performance.now()
      sockets[index]?.send(frames[turn % frames.length] as Buffer)
    }
    onText = (index, text) => {
      heard++
      if (index >= count) return
      const found = wanted.findIndex(part => text.includes(part))
      if (found === -1 && wanted.length > 0) return
      tally.note(answers[found] ?? 'anything', performance.now() - (sentMs[index] ?? 0))
      send(index)
    }
    for (let index = 0; index < count; index++) send(index)
  })
  const loaded = tally.end()
  // What belongs to the last answers may come with the next tick.
  await sleep(TAIL_MS)
  onText = () => undefined
  return { ...loaded, frames: heard }
}

/** Nobody waits for ever for a server that is silent. */
function rejectAfter(forMs: number, reject: (error: Error) => void, explain: () => string): void {
  const why = () => `the server is silent: ${explain()}; closed by code: ${JSON.stringify(closed)}`
  setTimeout(() => reject(new Error(why())), forMs + SILENT_MS).unref()
}

function hear({ text, count }: { text: string; count: number }): Promise<Heard> {
  const wanted = Buffer.from(text)
  let heard = 0
  return new Promise((resolve, reject) => {
    rejectAfter(0, reject, () => `${heard} of ${count} heard of ${text}`)
    onText = (_index, frame) => {
      if (!frame.includes(wanted)) return
      if (++heard < count) return
      onText = () => undefined
      resolve({ atMs: Date.now(), sample: frame.toString() })
    }
  })
}
