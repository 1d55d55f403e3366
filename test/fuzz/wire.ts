/** Requests as bytes over a socket of their own, and what comes back: every byte is sent as it stands. */
import { connect } from 'node:net'
import type { Answer } from './oracle.ts'
import type { Request } from './request.ts'

/** Text by UTF-8, where an unpaired half of a character becomes what UTF-8 has for such. */
export function writeRequest({ method, target, headers, body }: Request): Buffer {
  const bytes = Buffer.from(body ?? '', 'utf8')
  const names = headers.map(([name]) => name)
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'host: fuzz',
    'connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined || names.includes('content-length') ? [] : [`content-length: ${bytes.length}`]),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

const patienceMs = 10_000

/**
 * The answer, or nothing where the connection closed without one. Events are not waited for to end. `isAll`: nothing
 * more is said, so that nobody waits for the rest; but whoever hangs up is not owed an answer either.
 */
export function sendBytes(port: number, bytes: Buffer, isAll = false): Promise<Answer | undefined> {
  return new Promise(resolve => {
    const pieces: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1' })
    const finish = () => {
      socket.destroy()
      resolve(readAnswer(Buffer.concat(pieces)))
    }
    socket.setTimeout(patienceMs, finish)
    socket.on('error', finish)
    socket.on('end', finish)
    socket.on('data', piece => {
      pieces.push(piece)
      const [head = ''] = piece.toString('latin1').split('\r\n\r\n')
      if (pieces.length === 1 && head.includes('text/event-stream')) finish()
    })
    if (isAll) socket.end(bytes)
    else socket.write(bytes)
  })
}

/** The first final answer among the bytes. */
export function readAnswer(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0)
  const rest = bytes.subarray(end + 4)
  if (status >= 100 && status < 200) return readAnswer(rest)
  const headers = Object.fromEntries(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const body =
    headers['transfer-encoding'] === 'chunked' ? joinChunks(rest) : cutTo(rest, headers['content-length'])
  const isCut = headers['content-type']?.startsWith('text/event-stream') ?? false
  return { status, headers, text: body.toString('utf8'), ...(isCut && { isCut }) }
}

/** Behind it may stand the answer to what a server took for another request. */
const cutTo = (rest: Buffer, length: string | undefined): Buffer =>
  length === undefined ? rest : rest.subarray(0, Number(length))

function joinChunks(rest: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; at < rest.length; ) {
    const end = rest.indexOf('\r\n', at)
    const size = Number.parseInt(rest.subarray(at, end).toString('latin1'), 16)
    if (end < 0 || !(size > 0)) break
    chunks.push(rest.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
  return Buffer.concat(chunks)
}
