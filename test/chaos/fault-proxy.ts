/**
 * A proxy that does harm: between a game server and PostgreSQL or Redis it delays, holds, resets, moves to another
 * target, and, told by a watch that understands a little of the protocol, cuts at the worst moment: before a COMMIT or
 * a script is passed on, or after it was executed and before its answer is heard.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Looks at one connection; each call says whether what is waited for (a COMMIT, a script) passes by. */
export type Watch = { fromClient(chunk: Buffer): boolean; fromServer(chunk: Buffer): boolean }

/** `lost`: cut before it is passed on. `unheard`: executed, and cut instead of its answer. */
export type Trick = 'lost' | 'unheard'

export type FaultProxy = {
  port: number
  /** New connections go there; those that are open are cut, as by a failover. */
  retarget(port: number): void
  /** Every piece of every connection comes this much later; 0 ends it. */
  delay(ms: number): void
  /** Nothing passes until the function that it returns is called. */
  hold(): () => void
  /** Resets all connections; how many there were. */
  reset(): number
  /** Plays the trick once; resolves to whether its moment came in time. */
  play(trick: Trick, withinMs: number): Promise<boolean>
  close(): Promise<void>
}

type Weather = { delayMs: number; held: Promise<void> | undefined }

const transparent = (): Watch => ({ fromClient: () => false, fromServer: () => false })

export async function createFaultProxy(
  target: number,
  createWatch: () => Watch = transparent,
): Promise<FaultProxy> {
  const cuts = new Set<() => void>()
  const weather: Weather = { delayMs: 0, held: undefined }
  const trap = createTrap()
  let targetPort = target

  const server = createServer({ noDelay: true }, client => {
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    const watch = createWatch()
    const cut = () => [client, upstream].forEach(reset)
    cuts.add(cut)
    client.once('close', () => cuts.delete(cut))
    for (const socket of [client, upstream]) socket.on('error', () => {})
    const ways = [
      pump(client, upstream, {
        weather,
        passes: chunk => !(watch.fromClient(chunk) && trap.springs('lost')),
      }),
      pump(upstream, client, {
        weather,
        passes: chunk => !(watch.fromServer(chunk) && trap.springs('unheard')),
      }),
    ]
    void Promise.race(ways).finally(cut)
  })
  const cutAll = () => cuts.forEach(cut => cut())

  return {
    port: await listen(server),
    retarget(port) {
      if (port === targetPort) return
      targetPort = port
      cutAll()
    },
    delay: ms => (weather.delayMs = ms),
    hold() {
      let letGo = () => {}
      weather.held = new Promise(resolve => (letGo = resolve))
      return () => {
        weather.held = undefined
        letGo()
      }
    },
    reset() {
      const { size } = cuts
      cutAll()
      return size
    },
    play: trap.set,
    async close() {
      cutAll()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * libuv refuses to reset a socket that is shutting down, Node forgets it all the same, and the process, once it is
 * over, waits for it for ever (seen with Node 20.20.2: uv_tcp_close_reset and Environment::CleanupHandles).
 */
const reset = (socket: Socket): unknown =>
  socket.writableEnded ? socket.destroy() : socket.resetAndDestroy()

type Way = { weather: Weather; passes: (chunk: Buffer) => boolean }

/** Ends when either side does, or when a piece does not pass. */
async function pump(from: Socket, to: Socket, { weather, passes }: Way): Promise<void> {
  try {
    for await (const chunk of from) {
      if (weather.delayMs > 0) await sleep(weather.delayMs)
      await weather.held
      if (!passes(chunk as Buffer)) return
      if (!to.write(chunk as Buffer)) await Promise.race([once(to, 'drain'), once(to, 'close')])
    }
  } catch {
    // The connection broke, and whoever started this cuts the other side, too.
  }
}

/** At most one trick waits for its moment; a new one takes the place of the old one. */
function createTrap() {
  let armed: { trick: Trick; done: (isPlayed: boolean) => void } | undefined
  return {
    springs(trick: Trick): boolean {
      if (armed?.trick !== trick) return false
      armed.done(true)
      armed = undefined
      return true
    },
    async set(trick: Trick, withinMs: number): Promise<boolean> {
      armed?.done(false)
      const moment = new Promise<boolean>(done => (armed = { trick, done }))
      const mine = armed
      const isPlayed = await Promise.race([moment, sleep(withinMs, false, { ref: false })])
      if (!isPlayed && armed === mine) armed = undefined
      return isPlayed
    },
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
