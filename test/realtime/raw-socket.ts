/** A client that does what no library would: half a handshake, any bytes, and never reading. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type RawSocket = {
  socket: Socket
  /** How many frames of the server are whole so far, without the last one where that closes. */
  framesHeard(): number
  /** The code of the server's close frame, once it came. */
  closeCode(): number | undefined
  /** Resolves when the kernel has taken the bytes, or nobody is there to take them. */
  write(bytes: Buffer): Promise<void>
}

/** Shakes hands; with `isDeaf` it never reads another byte, with `staysOpen` it does not close when the server does. */
export async function openRaw(
  url: string,
  { token, isDeaf = false, staysOpen = false }: { token: string; isDeaf?: boolean; staysOpen?: boolean },
): Promise<RawSocket> {
  const port = Number(new URL(url).port)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: staysOpen })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
  const protocols = `Sec-WebSocket-Protocol: hexbao.v1, bearer.${token}`
  socket.write(
    `GET /v1/play HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n${protocols}\r\n\r\n`,
  )
  const heard = createEar()
  const [first] = (await once(socket, 'data')) as [Buffer]
  heard.hear(first.subarray(first.indexOf('\r\n\r\n') + 4))
  if (isDeaf) socket.pause()
  else socket.on('data', heard.hear)
  return {
    socket,
    framesHeard: heard.framesHeard,
    closeCode: heard.closeCode,
    async write(bytes) {
      if (socket.destroyed || !socket.writable) return
      if (socket.write(bytes)) return
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
    },
  }
}

/** Reads frames as RFC 6455 has them; a server's are not masked. */
function createEar() {
  let rest = Buffer.alloc(0)
  let frames = 0
  let code: number | undefined
  return {
    framesHeard: () => frames,
    closeCode: () => code,
    hear(bytes: Buffer): void {
      rest = Buffer.concat([rest, bytes])
      for (;;) {
        if (rest.length < 4) return
        const short = (rest[1] ?? 0) & 0x7f
        const [head, size] =
          short < 126 ? [2, short] : short === 126 ? [4, rest.readUInt16BE(2)] : [10, Number.NaN]
        if (Number.isNaN(size) || rest.length < head + size) return
        if (((rest[0] ?? 0) & 0x0f) === 8) code ??= rest.readUInt16BE(head)
        else frames++
        rest = rest.subarray(head + size)
      }
    },
  }
}

const opcodes = { continuation: 0, text: 1, binary: 2, ping: 9, pong: 10 } as const

/** A client's frame, masked with zeros, which leave the text as it is. */
export function frameOf(
  text: string,
  { opcode = 'text', isFinal = true }: { opcode?: keyof typeof opcodes; isFinal?: boolean } = {},
): Buffer {
  const body = Buffer.from(text)
  const first = (isFinal ? 0x80 : 0) | opcodes[opcode]
  const size = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), body])
}
