/** A network between client and server that loses connections: after a random number of bytes, or by falling silent. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Test } from 'tap'

export type Proxy = Awaited<ReturnType<typeof startProxy>>

export async function startProxy(t: Test, serverUrl: string) {
  const target = Number(new URL(serverUrl).port)
  const open = new Set<Socket>()
  let cutsWithin: number | undefined
  const freezers = new Set<() => void>()
  let cuts = 0

  const server = createServer(near => {
    const far = connect(target, '127.0.0.1')
    const pair = [near, far]
    let isFrozen = false
    freezers.add(() => (isFrozen = true))
    let left = cutsWithin === undefined ? Infinity : Math.floor(Math.random() * cutsWithin)
    const cut = () => pair.forEach(socket => socket.destroy())
    const forward = (from: Socket, to: Socket) => {
      open.add(from)
      from.on('data', (bytes: Buffer) => {
        if (isFrozen) return
        to.write(left < bytes.length ? bytes.subarray(0, left) : bytes)
        left -= bytes.length
        if (left >= 0 || from.destroyed) return
        cuts++
        // What was written before still arrives.
        from.destroy()
        to.end()
      })
      from.on('error', cut)
      from.on('close', () => {
        open.delete(from)
        if (!isFrozen) to.end()
      })
    }
    forward(near, far)
    forward(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/play`,
    /** Every connection from now on is cut after so many bytes at most, in both directions together. */
    cutWithin: (bytes: number | undefined) => void (cutsWithin = bytes),
    cuts: () => cuts,
    /** Nothing comes through the connections of now any more, and nobody is told. */
    freeze: () => freezers.forEach(freeze => freeze()),
    /** Breaks every connection now. */
    cutAll: () => open.forEach(socket => socket.destroy()),
  }
}
