/**
 * `npm run listen`: stands somewhere and prints what the server sends, a line for each frame, until Ctrl-C. Exit code
 * 0: interrupted, 1: the server is not there, lets nobody in or does not come back, 2: usage.
 */
import { limits } from '#protocol/limits.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { socketPath } from '#protocol/ws/frame.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { parsePoint, type Point } from '../geo/point.ts'
import { defaultUrl, type ExitCode, parseCommandLine, runCommand } from './play/command-line.ts'
import { describeFrame } from './play/frame-line.ts'
import { openPlaySocket } from './play/play-socket.ts'
import { createRestClient, demand, ServerFault } from './play/rest-client.ts'
import { UsageFault } from './play/usage-fault.ts'

const usage = `Usage: npm run listen -- --at=LAT,LNG [options]
  --at LAT,LNG    where to stand, WGS-84 degrees; --at=-33.857,151.215 where the first is negative
  --url URL       the server, http(s) or ws(s), default ${defaultUrl}
  --token TOKEN   listens as an existing player; default: a new one of the sandbox
  --json          the frames as they come, one JSON object a line`

/** Well before the last fix is too old. */
const REPEAT_MS = limits.position.maxAgeMs / 3
const ACCURACY_M = 8

await runCommand(usage, listen)

async function listen(): Promise<ExitCode> {
  const { values } = parseCommandLine({
    options: {
      at: { type: 'string' },
      url: { type: 'string', default: defaultUrl },
      token: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const point = readPoint(values.at)
  const url = readServer(values.url)
  const token = values.token ?? (await signUp(url))
  return stand({ url, token, point, print: values.json ? printRaw : printLine })
}

function readPoint(text: string | undefined): Point {
  const [lat, lng, ...more] = (text ?? '')
    .split(',')
    .map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  const point = more.length === 0 ? parsePoint({ lat, lng }) : undefined
  if (point !== undefined) return point
  throw new UsageFault(text === undefined ? '--at is missing' : `--at takes LAT,LNG in degrees, not ${text}`)
}

/** As the REST address, whichever of the two was given. */
function readServer(text: string): string {
  if (!/^(http|ws)s?:\/\//.test(text) || !URL.canParse(text)) {
    throw new UsageFault(`--url is an address like ${defaultUrl}, not ${text}`)
  }
  return text.replace(/^ws/, 'http').replace(socketPath, '').replace(/\/+$/, '')
}

async function signUp(url: string): Promise<string> {
  const answer = await createRestClient({ url }).call(signUpPlayer, { body: {} })
  if (answer.status === 'refused' && answer.problem.code === 'not_found') {
    throw new ServerFault(`${url} is no sandbox: name a player with --token`)
  }
  return demand(answer, 'the sign-up').token
}

type Stay = { url: string; token: string; point: Point; print: (frame: ServerFrame) => void }

/** Stays until Ctrl-C. Throws a {@link ServerFault} when the server ends it. */
async function stand({ url, token, point, print }: Stay): Promise<ExitCode> {
  let leave: (code: ExitCode) => void = () => undefined
  const interrupted = new Promise<ExitCode>(resolve => (leave = () => resolve(0)))
  process.once('SIGINT', leave)
  process.once('SIGTERM', leave)
  // Whoever reads our output has seen enough (`| head`).
  process.stdout.once('error', leave)

  const opening = openPlaySocket({ url, token, onFrame: print, onReconnected: () => undefined })
  const socket = await Promise.race([opening, interrupted])
  if (typeof socket === 'number') return socket
  const sendPosition = () =>
    // What ends the session ends the stay, too.
    void socket.request({ type: 'position', fix: { ...point, accuracyM: ACCURACY_M } }).catch(() => undefined)
  sendPosition()
  const repeating = setInterval(sendPosition, REPEAT_MS)
  const end = await Promise.race([socket.ended, interrupted])
  clearInterval(repeating)
  socket.close()
  if (typeof end === 'number') return end
  throw end
}

function printRaw(frame: ServerFrame): void {
  process.stdout.write(`${JSON.stringify(frame)}\n`)
}

function printLine(frame: ServerFrame): void {
  const time = new Date().toISOString().slice(11, 23)
  process.stdout.write(`${time}  ${describeFrame(frame)}\n`)
}
