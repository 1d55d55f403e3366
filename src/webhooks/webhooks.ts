/** Everything about webhooks, composed once from its ports. */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Post } from '#platform/outbound.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import type { JudgeUrl } from '#platform/public-address.ts'
import type { Random } from '#platform/random.ts'
import type { Seal } from '#platform/seal.ts'
import { createDeliverer } from './deliver.ts'
import type { NoteEvent } from './event.ts'
import type { ManagePorts } from './manage.ts'
import type { WebhookRecord } from './ports.ts'
import { purgeEndpoints, purgeEvents } from './purge.ts'
import { spreadEvents } from './spread.ts'

export type WebhookPorts = {
  database: Tx & { transact: Transact }
  record: WebhookRecord
  post: Post
  judgeUrl: JudgeUrl
  seal: Seal
  hmacSecret: string
  clock: Clock
  random: Random
  log: Pick<Logger, 'error' | 'warn'>
}

export type Webhooks = {
  /** For whoever has something to tell, in the transaction of what is told. */
  noteEvent: NoteEvent
  manage: ManagePorts
  jobs: readonly Job[]
  /** Resolves when nothing is under way; what gets no answer soon is sent again by another server. */
  drain(): Promise<void>
}

const everyMs = 500
const purgeEveryMs = 600_000

export function createWebhooks(ports: WebhookPorts): Webhooks {
  const { database, record, seal, clock } = ports
  const { transact } = database
  const deliverer = createDeliverer({ ...ports, transact, openSecret: seal.open })
  const spreading = { transact, record, clock }
  const jobs: Job[] = [
    {
      name: 'webhooks',
      everyMs,
      due: async () => (deliverer.hasRoom() && (await record.hasWork(database, clock.nowMs())) ? [0] : []),
      async run() {
        const { more } = await spreadEvents(spreading)
        await deliverer.begin()
        return { more }
      },
    },
    { name: 'purge-webhooks', everyMs: purgeEveryMs, run: () => purgeEvents(spreading) },
    { name: 'purge-webhook-endpoints', everyMs: purgeEveryMs, run: () => purgeEndpoints(spreading) },
  ]
  return { noteEvent: record.noteEvent, manage: { ...ports, transact }, jobs, drain: deliverer.drain }
}
