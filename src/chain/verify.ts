/** Verifies the whole chain against the transfers as they are now, page by page, on one unmoving picture of both. */
import type { Database, Tx } from '#platform/postgres.ts'
import { type ChainFinding, type ChainWalk, endWalk, type Head, namedFindings } from './chain.ts'
import { reportFinding, startWalk, stepWalk } from './chain.ts'
import type { ChainRecord } from './record.ts'

const page = 2_000
/** The job links within seconds; what waits longer is named. */
const lateAfterMs = 60_000

export type VerifyChainPorts = {
  database: Pick<Database, 'snapshot'>
  record: ChainRecord
}

export type ChainReport = {
  links: number
  head: Head
  /** Transfers whose link is still to come. */
  waiting: number
  differences: number
  /** The first of the differences. */
  findings: readonly ChainFinding[]
}

/** `noted` are heads that somebody wrote down elsewhere: they show whether the chain itself was rewritten. */
export function verifyChain(
  { database, record }: VerifyChainPorts,
  { noted = [] }: { noted?: readonly Head[] } = {},
): Promise<ChainReport> {
  return database.snapshot(async tx => {
    const walk = startWalk()
    let links = 0
    for (let isLast = false; !isLast; ) {
      const found = await record.listLinks(tx, walk.head.sequence, page)
      const rows = await record.readRows(
        tx,
        found.map(link => link.transferId),
      )
      for (const link of found) stepWalk(walk, { ...link, text: rows.get(link.transferId) }, noted)
      links += found.length
      isLast = found.length < page
    }
    endWalk(walk, noted)
    await addStrays(walk, record, tx)
    const { head, differences, findings } = walk
    return { links, head, waiting: await record.countUnlinked(tx), differences, findings }
  })
}

async function addStrays(walk: ChainWalk, record: ChainRecord, tx: Tx): Promise<void> {
  const { found, strays } = await record.listStrays(tx, { waitedMs: lateAfterMs, limit: namedFindings })
  for (const { transferId, isWaiting } of strays) {
    reportFinding(walk, { kind: isWaiting ? 'late' : 'unlinked', transferId })
  }
  walk.differences += found - strays.length
}
