/** What a process holds in memory once its garbage is gone: asked over the inspector, so that servers run as they ship. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { findFreePort } from '../chaos/game-servers.ts'

export type Inspected = {
  nodeArgs: readonly string[]
  /** Bytes of the process that are in memory, after two collections. */
  measureRss(): Promise<number>
}

const SETTLE_MS = 1_000

export async function inspect(): Promise<Inspected> {
  const port = await findFreePort()

  async function measureRss(): Promise<number> {
    const listed = await fetch(`http://127.0.0.1:${port}/json/list`)
    const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '')
    await once(socket, 'open')
    const call = async (method: string, params = {}) => {
      socket.send(JSON.stringify({ id: 1, method, params }))
      for (;;) {
        const [data] = (await once(socket, 'message')) as [Buffer]
        const answer = JSON.parse(data.toString()) as { id?: number; result?: { result: { value: number } } }
        if (answer.id === 1) return answer.result?.result?.value
      }
    }
    try {
      for (let i = 0; i < 2; i++) {
        await call('HeapProfiler.collectGarbage')
        await sleep(SETTLE_MS)
      }
      return (await call('Runtime.evaluate', { expression: 'process.memoryUsage.rss()' })) ?? Number.NaN
    } finally {
      socket.close()
    }
  }

  return { nodeArgs: [`--inspect=127.0.0.1:${port}`], measureRss }
}
