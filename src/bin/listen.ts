/**
 * `npm run listen`: stands somewhere and prints what the server sends, a line for each frame, until Ctrl-C. Exit code
 * 0: interrupted, 1: the server is not there, lets nobody in or hung up, 2: usage.
 */
import { WebSocket } from 'ws'
import { limits } from '#protocol/limits.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { closeCodes, socketPath, subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { parsePoint, type Point } from '../geo/point.ts'
import { defaultUrl, type ExitCode, parseCommandLine, runCommand } from './play/command-line.ts'
import { describeFrame } from './play/frame-line.ts'
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

type Stay = { url: string; token: string; point: Point; print: (text: string) => void }

/** Stays until Ctrl-C. Throws a {@link ServerFault} when the server ends it. */
async function stand({ url, token, point, print }: Stay): Promise<ExitCode> {
  const address = `${url.replace(/^http/, 'ws')}${socketPath}`
  const socket = openSocket(address, token)
  const sendPosition = () =>
    socket.send(JSON.stringify({ type: 'position', fix: { ...point, accuracyM: ACCURACY_M } }))
  let isInterrupted = false
  let repeating: NodeJS.Timeout | undefined
  let failure: Error | undefined

  const leave = () => {
    isInterrupted = true
    socket.close(1000)
  }
  process.once('SIGINT', leave)
  process.once('SIGTERM', leave)
  // Whoever reads our output has seen enough (`| head`).
  process.stdout.once('error', leave)

  socket.on('error', error => (failure = error))
  socket.on('message', (data: Buffer) => {
    const text = data.toString('utf8')
    print(text)
    if (repeating !== undefined) return
    sendPosition()
    repeating = setInterval(sendPosition, REPEAT_MS)
  })
  const [code, reason] = await closed(socket)
  clearInterval(repeating)
  if (isInterrupted) return 0
  throw new ServerFault(explainEnd(address, { code, reason: reason.toString(), failure }))
}

/** Also where the token cannot stand in a header. */
function openSocket(address: string, token: string): WebSocket {
  try {
    return new WebSocket(address, [subprotocol, `${tokenProtocolPrefix}${token}`])
  } catch (error) {
    throw new UsageFault('--token is no token', { cause: error })
  }
}

/** `once` would throw at the first error; the close that follows it says more. */
function closed(socket: WebSocket): Promise<[code: number, reason: Buffer]> {
  return new Promise(resolve => socket.once('close', (code, reason) => resolve([code, reason])))
}

function explainEnd(
  address: string,
  { code, reason, failure }: { code: number; reason: string; failure: Error | undefined },
): string {
  if (code === closeCodes.unauthorized) return 'the token is not valid'
  if (code === closeCodes.restarting) return 'the server stops or restarts: listen again in a moment'
  if (failure !== undefined) return `no socket at ${address}: ${failure.message}`
  return `the server closed the socket with ${code}${reason === '' ? '' : `: ${reason}`}`
}

function printRaw(text: string): void {
  process.stdout.write(`${text}\n`)
}

function printLine(text: string): void {
  const time = new Date().toISOString().slice(11, 23)
  process.stdout.write(`${time}  ${describeFrame(JSON.parse(text) as ServerFrame)}\n`)
}
