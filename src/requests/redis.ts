/** The key that lets one taker of a request through at a time; see accept.ts for what it does not decide. */
import type { Redis } from 'ioredis'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import type { TakeGate } from './ports.ts'

const reserve = loadScript(import.meta.url, 'reserve')
const release = loadScript(import.meta.url, 'release')

/** Longer than PostgreSQL takes to decide; whoever died meanwhile blocks the others for so long. */
const reservedMs = 5_000
/** A crowd is gone by then; who comes later is told by PostgreSQL. */
const takenMs = 10_000

export function createTakeGate({
  redis,
  runner,
  prefix,
}: {
  redis: Redis
  runner: ScriptRunner
  prefix: string
}): TakeGate {
  const keyOf = (requestId: string) => `${prefix}take:{${requestId}}`
  return {
    async reserve({ requestId, providerId }) {
      const reply = (await runner.run(reserve, [keyOf(requestId)], [providerId, reservedMs])) as string[]
      const [status, holderId = ''] = reply
      return { holderId, isTaken: status === 'TAKEN' }
    },
    async confirm({ requestId, providerId }) {
      await redis.set(keyOf(requestId), `taken:${providerId}`, 'PX', takenMs)
    },
    async release({ requestId, providerId }) {
      await runner.run(release, [keyOf(requestId)], [providerId])
    },
  }
}
