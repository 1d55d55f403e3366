/**
 * A WebSocket client that costs next to nothing, so that what is measured is the server: frames are made once, under a
 * mask of zeros, and of what comes only lengths are read. It knows what servers send: whole frames, never masked.
 */
import { connect, type Socket } from 'node:net'
import { subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'

export type RawSocket = {
  send(frame: Buffer): void
  /** Says that it is over, so that nothing is kept for it. */
  close(): void
}

export type RawSocketOptions = {
  url: string
  path: string
  token?: string
  onText: (text: Buffer) => void
  /** With the code that the server gave, if any. */
  onClose: (code: number) => void
}

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 }

/** As a client sends it. */
export function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head, 0, 0, 0, 0]), payload])
}

export const textFrame = (text: string): Buffer => frameOf(opcodes.text, Buffer.from(text))

/** Resolves once it is open; rejects with the status where the server says no. */
export function openRawSocket(options: RawSocketOptions): Promise<RawSocket> {
  const { url, path, token } = options
  const { hostname, port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    const protocols = token === undefined ? subprotocol : `${subprotocol}, ${tokenProtocolPrefix}${token}`
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
        `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n` +
        `sec-websocket-protocol: ${protocols}\r\n\r\n`,
    )
    let unread: Buffer = Buffer.alloc(0)
    let isOpen = false
    let code = 1006
    const onCode = (told: number) => (code = told)
    socket.on('close', () => (isOpen ? options.onClose(code) : reject(new Error('closed'))))
    socket.on('data', chunk => {
      unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk])
      if (!isOpen) {
        const end = unread.indexOf('\r\n\r\n')
        if (end === -1) return
        const status = unread.subarray(9, 12).toString()
        if (status !== '101') {
          socket.destroy()
          return reject(new Error(status))
        }
        isOpen = true
        unread = unread.subarray(end + 4)
        resolve({
          send: frame => socket.write(frame),
          close: () => socket.end(frameOf(opcodes.close, Buffer.from([0x03, 0xe8]))),
        })
      }
      unread = readFrames(unread, socket, { ...options, onCode })
    })
  })
}

type Ears = Pick<RawSocketOptions, 'onText'> & { onCode: (code: number) => void }

/** What is left: the beginning of a frame. */
function readFrames(bytes: Buffer, socket: Socket, { onText, onCode }: Ears): Buffer {
  for (let at = 0; ; ) {
    const short = (bytes[at + 1] ?? 127) & 0x7f
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < at + head) return bytes.subarray(at)
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    const end = at + head + length
    if (bytes.length < end) return bytes.subarray(at)
    const opcode = (bytes[at] ?? 0) & 0x0f
    const payload = bytes.subarray(at + head, end)
    if (opcode === opcodes.text) onText(payload)
    if (opcode === opcodes.close && payload.length >= 2) onCode(payload.readUInt16BE(0))
    if (opcode === opcodes.ping) socket.write(frameOf(opcodes.pong, payload))
    at = end
  }
}
