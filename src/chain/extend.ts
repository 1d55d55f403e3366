/**
 * Extends the chain by the transfers that were committed since, outside of the settlement: players wait for their
 * transfer, nobody for its link. What commits while a batch is taken is the next batch's.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Database, Tx } from '#platform/postgres.ts'
import { genesis, hashLink, type Head, type Link } from './chain.ts'
import type { ChainRecord } from './record.ts'

export const chainLimits = { everyMs: 1_000, batch: 2_000, logHeadEveryMs: 3_600_000 } as const

export type ExtendPorts = {
  database: Pick<Database, 'query' | 'transact'>
  record: ChainRecord
}

export type Extended = { head: Head; more: boolean }

/** Links one batch; undefined when nothing waited. */
export function extendChain({ database, record }: ExtendPorts): Promise<Extended | undefined> {
  return database.transact(async tx => {
    const transferIds = await record.takeUnlinked(tx, chainLimits.batch)
    if (transferIds.length === 0) return undefined
    const links = await computeLinks(record, tx, transferIds)
    await record.insertLinks(tx, links)
    return { head: links.at(-1) ?? genesis, more: transferIds.length >= chainLimits.batch }
  })
}

async function computeLinks(record: ChainRecord, tx: Tx, transferIds: readonly string[]): Promise<Link[]> {
  let { sequence, hash } = (await record.findHead(tx)) ?? genesis
  const rows = await record.readRows(tx, transferIds)
  return transferIds.map(transferId => {
    // A row that somebody removed before it was linked leaves its link, which tells on them.
    hash = hashLink(hash, rows.get(transferId) ?? '')
    return { sequence: ++sequence, transferId, hash }
  })
}

export type ChainJobPorts = ExtendPorts & { clock: Clock; log: Pick<Logger, 'info'> }

/** Also notes the head in the log once an hour: a copy of the log elsewhere is what a rewritten chain cannot match. */
export function createChainJob(ports: ChainJobPorts): Job {
  const { database, record, clock, log } = ports
  let loggedAtMs = Number.NEGATIVE_INFINITY
  return {
    name: 'extend-chain',
    everyMs: chainLimits.everyMs,
    due: async () => ((await record.hasUnlinked(database)) ? [0] : []),
    async run() {
      const extended = await extendChain(ports)
      if (extended === undefined) return { more: false }
      const isDue = clock.nowMs() - loggedAtMs >= chainLimits.logHeadEveryMs
      if (isDue && !extended.more) {
        loggedAtMs = clock.nowMs()
        log.info({ head: formatHead(extended.head) }, 'head of the audit chain')
      }
      return { more: extended.more }
    },
  }
}

/** As `npm run verify-chain -- --head` takes it. */
export const formatHead = ({ sequence, hash }: Head): string =>
  `${sequence}:${Buffer.from(hash).toString('hex')}`
