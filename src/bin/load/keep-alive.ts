/**
 * HTTP/1.1 for a load: one connection that stays open, one request at a time, whole requests as text and answers as
 * they come. It spends little beside `fetch`, so that on a machine that is shared with the server it is mostly the
 * server that is measured. It understands what servers of JSON send: a status, headers and a Content-Length.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely, TLSSocket } from 'node:tls'

export type RawAnswer = { status: number; headers: string; body: string }

/** `lost`: the connection broke or nothing came in time. `dropped`: we hung up, as the caller wished. */
export type RawOutcome = RawAnswer | 'lost' | 'dropped'

export type KeepAlive = {
  /** Connects where it has to. `isDropped` hangs up as soon as the answer begins, without reading it. */
  ask(request: string, onOutcome: (outcome: RawOutcome) => void, isDropped?: boolean): void
  /** Connects ahead of the first request; resolves when that has happened, or failed, which the request will tell. */
  connect(): Promise<void>
  close(): void
}

const ANSWER_MS = 20_000

export function createKeepAlive(url: string): KeepAlive {
  const server = new URL(url)
  let socket: Socket | undefined
  let waiting: { onOutcome: (outcome: RawOutcome) => void; isDropped: boolean } | undefined
  let unread = ''

  function open(): Socket {
    const opened = dial(server)
    unread = ''
    opened.setNoDelay(true)
    opened.setTimeout(ANSWER_MS, () => opened.destroy())
    // Bytes as they are: the few answers with other characters are decoded where they are read.
    opened.setEncoding('latin1')
    opened.on('data', (text: string) => socket === opened && take(text))
    opened.on('error', () => undefined)
    opened.on('close', () => {
      if (socket !== opened) return
      socket = undefined
      finish('lost')
    })
    return opened
  }

  function take(text: string): void {
    if (waiting?.isDropped) {
      hangUp()
      return finish('dropped')
    }
    unread = unread === '' ? text : unread + text
    const end = unread.indexOf('\r\n\r\n')
    if (end === -1) return
    const headers = unread.slice(0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1]
    if (length === undefined) {
      hangUp()
      return finish('lost')
    }
    const bodyEnd = end + 4 + Number(length)
    if (unread.length < bodyEnd) return
    const body = unread.slice(end + 4, bodyEnd)
    unread = unread.slice(bodyEnd)
    if (/\r\nconnection: *close/i.test(headers)) hangUp()
    finish({ status: Number(headers.slice(9, 12)), headers, body })
  }

  function hangUp(): void {
    const leaving = socket
    socket = undefined
    leaving?.destroy()
  }

  function finish(outcome: RawOutcome): void {
    const asked = waiting
    waiting = undefined
    asked?.onOutcome(outcome)
  }

  return {
    ask(request, onOutcome, isDropped = false) {
      if (waiting !== undefined) throw new Error('one request at a time')
      waiting = { onOutcome, isDropped }
      socket ??= open()
      socket.write(request, 'latin1')
    },
    connect: () => untilOpen((socket ??= open())),
    close: hangUp,
  }
}

const dial = ({ protocol, hostname: host, port }: URL): Socket =>
  protocol === 'https:'
    ? connectSecurely({ host, port: Number(port || 443), servername: host })
    : connect({ host, port: Number(port || 80) })

function untilOpen(socket: Socket): Promise<void> {
  const event = socket instanceof TLSSocket ? 'secureConnect' : 'connect'
  return new Promise(resolve => socket.once(event, resolve).once('close', () => resolve()))
}

/** Of a JSON request, what is the same whichever path it asks: everything behind the first line. */
export function formatRest({ url, token, body }: { url: string; token: string; body: object }): string {
  const text = JSON.stringify(body)
  return (
    ` HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  )
}
