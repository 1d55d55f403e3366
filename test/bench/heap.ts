/** What a process holds in memory once its garbage is gone, asked over the inspector: servers run as they ship. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { findFreePort } from '../chaos/game-servers.ts'

export type Memory = { held: number; rss: number }

export type Inspected = {
  nodeArgs: readonly string[]
  /** After two collections: bytes that are held, and bytes of the process that are in memory. */
  measure(): Promise<Memory>
}

const SETTLE_MS = 1_000

export async function inspect(): Promise<Inspected> {
  const port = await findFreePort()

  async function measure(): Promise<Memory> {
    const listed = await fetch(`http://127.0.0.1:${port}/json/list`)
    const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '')
    await once(socket, 'open')
    const call = async (method: string, params = {}) => {
      socket.send(JSON.stringify({ id: 1, method, params }))
      for (;;) {
        const [data] = (await once(socket, 'message')) as [Buffer]
        const answer = JSON.parse(data.toString()) as { id?: number; result?: { result: { value: string } } }
        if (answer.id === 1) return answer.result?.result?.value
      }
    }
    try {
      for (let i = 0; i < 2; i++) {
        await call('HeapProfiler.collectGarbage')
        await sleep(SETTLE_MS)
      }
      const expression = 'JSON.stringify(process.memoryUsage())'
      const usage = JSON.parse((await call('Runtime.evaluate', { expression })) ?? '') as NodeJS.MemoryUsage
      return { held: usage.heapUsed + usage.external, rss: usage.rss }
    } finally {
      socket.close()
    }
  }

  return { nodeArgs: [`--inspect=127.0.0.1:${port}`], measure }
}
