/** Somebody else's server, on loopback, that a test tells how to answer. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Received = { path: string; headers: IncomingHttpHeaders; body: string }

/** Answers one request, or leaves it. */
export type Answering = (response: ServerResponse, received: Received, count: number) => void

export const answers = {
  status:
    (status: number, text = '', headers: Record<string, string> = {}): Answering =>
    response =>
      response.writeHead(status, headers).end(text),
  /** Says nothing, until the other side gives up. */
  nothing: (() => {}) as Answering,
  cut: (response => response.destroy()) as Answering,
  later:
    (ms: number): Answering =>
    response =>
      void setTimeout(() => response.writeHead(204).end(), ms),
} as const

export type Receiver = {
  url: string
  port: number
  received: Received[]
  /** Requests that have come and are not answered. */
  open: () => number
  /** The most of them that there ever were at once. */
  mostOpen: () => number
  answer(how: Answering): void
}

export async function createReceiver(t: Test, how: Answering = answers.status(204)): Promise<Receiver> {
  let current = how
  let [open, mostOpen] = [0, 0]
  const received: Received[] = []
  const server = createServer((request, response) => {
    mostOpen = Math.max(mostOpen, ++open)
    response.on('close', () => open--)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const one = { path: request.url ?? '', headers: request.headers, body }
      received.push(one)
      current(response, one, received.length)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    ...{ url: `http://127.0.0.1:${port}/hooks`, port, received },
    open: () => open,
    mostOpen: () => mostOpen,
    answer: next => (current = next),
  }
}
