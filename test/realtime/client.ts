/** A WebSocket client that holds every frame against the protocol and can wait for one. */
import type { Test } from 'tap'
import { Compile } from 'typebox/compile'
import { WebSocket } from 'ws'
import { type ServerFrame, serverFrames } from '#protocol/ws/server.ts'
import type { Point } from '../../src/geo/point.ts'

type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>

export type Client = ReturnType<typeof openClient>

const checks = new Map(Object.entries(serverFrames).map(([type, schema]) => [type, Compile(schema)]))

/** With `playerId` it says hello at once. */
export function openClient(
  t: Test,
  server: { url: string },
  options: {
    protocols?: readonly string[]
    origin?: string
    headers?: Record<string, string>
    playerId?: string
    device?: string
    resume?: { sessionId: string; seq: number }
  } = {},
) {
  const { protocols = ['hexbao.v1'], origin, headers, playerId, device, resume } = options
  const socket = new WebSocket(server.url, [...protocols], {
    ...(origin !== undefined && { origin }),
    headers: { ...headers, ...(device !== undefined && { 'Hexbao-Device': device }) },
  })
  const { frames, texts, frame, closed, closeCode } = record(t, socket)
  const send = (data: object | string | Buffer) =>
    socket.send(typeof data === 'string' || Buffer.isBuffer(data) ? data : JSON.stringify(data))
  socket.on('open', () => {
    if (playerId !== undefined)
      send({ type: 'hello', id: 'hello', token: playerId, ...(resume && { resume }) })
  })
  t.teardown(() => socket.terminate())

  let asked = 0
  return {
    socket,
    frames,
    texts,
    send,
    frame,
    closed,
    closeCode,
    /** Stands somewhere; resolves with all that it led to. */
    async stand({ lat, lng }: Point): Promise<ServerFrame[]> {
      const [from, id] = [frames.length, `p${++asked}`]
      send({ type: 'position', id, fix: { lat, lng, accuracyM: 8 } })
      await frame('position.ack', ({ ref }) => ref === id, from)
      // What belongs to the position was sent together with its acknowledgement: a pong comes after it.
      send({ type: 'ping', id })
      await frame('pong', ({ ref }) => ref === id, from)
      return frames.slice(from).filter(({ type }) => type !== 'pong')
    },
  }
}

const isAny = () => true

function record(t: Test, socket: WebSocket) {
  const frames: ServerFrame[] = []
  const texts: string[] = []
  const waiting = new Set<() => void>()
  let closeCode: number | undefined
  let lastSeq = 0
  const wake = () => [...waiting].forEach(check => check())

  socket.on('message', (data: Buffer) => {
    const text = data.toString()
    const frame = JSON.parse(text) as ServerFrame
    if (!checks.get(frame.type)?.Check(frame)) t.fail(`not a frame of the protocol: ${text}`)
    const isResumed = frame.type === 'welcome' && frame.resumed !== undefined
    if (!isResumed && frame.seq !== lastSeq + 1) t.fail(`frame ${frame.seq} follows ${lastSeq}`)
    lastSeq = frame.seq
    texts.push(text)
    frames.push(frame)
    wake()
  })
  socket.on('close', code => {
    closeCode = code
    wake()
  })
  socket.on('error', () => undefined)

  function until<V>(what: string, find: () => V | undefined): Promise<V> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        waiting.delete(check)
      }
      const check = () => {
        const found = find()
        if (found === undefined) return
        settle()
        resolve(found)
      }
      const timer = setTimeout(() => {
        settle()
        reject(new Error(`no ${what}, but ${texts.join('\n')} and close ${closeCode}`))
      }, 10_000)
      waiting.add(check)
      check()
    })
  }

  return {
    frames,
    texts,
    closed: () => until('close', () => closeCode),
    closeCode: () => closeCode,
    /** The first frame of a type, from `frames[from]` on, that is meant. */
    frame: <T extends ServerFrame['type']>(
      type: T,
      isMeant: (frame: FrameOf<T>) => boolean = isAny,
      from = 0,
    ) =>
      until(type, () =>
        frames
          .slice(from)
          .filter((frame): frame is FrameOf<T> => frame.type === type)
          .find(isMeant),
      ),
  }
}
