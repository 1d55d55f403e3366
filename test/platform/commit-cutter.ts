/**
 * A proxy before PostgreSQL that cuts a connection at COMMIT: either before PostgreSQL hears of it, or after it has
 * committed and before the client hears so. The client cannot tell the two apart, and that is the point.
 */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

export type Cut = 'before' | 'after' | undefined

export type CommitCutter = {
  url: string
  /** What happens at the next COMMIT, once. */
  cutNext(cut: Cut): void
  /** COMMITs that were cut. */
  cuts(): number
  close(): Promise<void>
}

/** A simple query as pg sends it: `Q`, its length, the text, NUL. */
const commitMessage = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1')

export async function startCommitCutter(databaseUrl: string): Promise<CommitCutter> {
  const target = new URL(databaseUrl)
  const socketFolder = target.searchParams.get('host') ?? undefined
  const port = Number(target.port || 5432)
  let next: Cut
  let cut = 0
  const open = new Set<Socket>()

  const server = createServer(client => {
    const upstream =
      socketFolder === undefined
        ? connect(port, target.hostname)
        : connect(`${socketFolder}/.s.PGSQL.${target.searchParams.get('port') ?? port}`)
    let isDeaf = false
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        open.delete(socket)
        end()
      })
    }
    client.on('data', bytes => {
      if (next === undefined || !bytes.includes(commitMessage)) return void upstream.write(bytes)
      const how = next
      next = undefined
      cut++
      if (how === 'before') return end()
      isDeaf = true
      return void upstream.write(bytes)
    })
    // PostgreSQL's answer to COMMIT is the proof that it has committed.
    upstream.on('data', bytes => {
      if (isDeaf) end()
      else client.write(bytes)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  url.searchParams.delete('host')
  url.searchParams.delete('port')
  return {
    url: url.href,
    cutNext: how => (next = how),
    cuts: () => cut,
    close: () =>
      new Promise(resolve => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
