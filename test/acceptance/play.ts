/** A player's socket that holds every frame against the protocol, keeps what came and can wait for more. */
import type { Test } from 'tap'
import { Check } from 'typebox/value'
import { WebSocket } from 'ws'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import { type ServerFrame, serverFrames } from '#protocol/ws/server.ts'
import { eventually } from './eventually.ts'

export type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>
type Sent = ClientFrame extends infer F ? (F extends ClientFrame ? Omit<F, 'id'> : never) : never

export type Play = {
  frames: readonly ServerFrame[]
  /** As it stands: text, or bytes as a binary frame. */
  send(data: string | Buffer): void
  /** Sends a frame of the protocol; the frame that answers it. */
  ask(frame: Sent): Promise<ServerFrame>
  /** The first frame of a type that is meant, among those that came and those that will. */
  frame<T extends ServerFrame['type']>(type: T, isMeant?: (frame: FrameOf<T>) => boolean): Promise<FrameOf<T>>
  /** The code that the server closed with. */
  closed(): Promise<number>
  close(): void
}

export type PlayOptions = { socketUrl: string; token: string; onText?: (text: string) => void }

/** Resolves at once: `welcome` is a frame like others. */
export function openPlay(t: Test, { socketUrl, token, onText }: PlayOptions): Play {
  const socket = new WebSocket(socketUrl, [subprotocol, `${tokenProtocolPrefix}${token}`])
  const frames: ServerFrame[] = []
  const faults: string[] = []
  let closeCode: number | undefined
  let asked = 0

  socket.on('message', (data: Buffer, isBinary) => {
    const text = data.toString()
    onText?.(text)
    const frame: unknown = JSON.parse(text)
    if (isBinary || !isServerFrame(frame)) faults.push(`not a frame of the protocol: ${text}`)
    else if (frame.seq !== frames.length + 1)
      faults.push(`frame ${frames.length + 1} is numbered ${frame.seq}`)
    else frames.push(frame)
  })
  socket.on('error', error => faults.push(error.message))
  socket.on('close', code => (closeCode = code))
  t.teardown(() => {
    socket.terminate()
    if (faults.length > 0) throw new Error(`the socket did not speak the protocol: ${faults.join('; ')}`)
  })

  const explain = () => `${JSON.stringify(frames)} ${faults.join('; ')} close ${closeCode}`
  const until = <V>(what: string, find: () => V | undefined) =>
    eventually(
      what,
      () => {
        const found = find()
        if (found === undefined && closeCode !== undefined) throw new Error(`no ${what}: ${explain()}`)
        return found
      },
      { explain },
    )

  return {
    frames,
    send: data => socket.send(data),
    async ask(frame) {
      await until('open socket', () => socket.readyState === WebSocket.OPEN || undefined)
      const id = `ask-${++asked}`
      socket.send(JSON.stringify({ ...frame, id }))
      return until(`answer to ${frame.type}`, () => frames.find(({ ref }) => ref === id))
    },
    frame: (type, isMeant = () => true) =>
      until(type, () => frames.filter(frame => isOfType(frame, type)).find(isMeant)),
    closed: () => eventually('close', () => closeCode, { explain }),
    close: () => socket.close(1000),
  }
}

function isServerFrame(value: unknown): value is ServerFrame {
  const type = (value as { type?: unknown } | null)?.type
  return typeof type === 'string' && isFrameType(type) && Check(serverFrames[type], value)
}

const isFrameType = (type: string): type is keyof typeof serverFrames => Object.hasOwn(serverFrames, type)

const isOfType = <T extends ServerFrame['type']>(frame: ServerFrame, type: T): frame is FrameOf<T> =>
  frame.type === type
