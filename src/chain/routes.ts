/** The head of the audit chain over HTTP, for the operator to note elsewhere. */
import { getChainHead } from '#protocol/rest/merchants.ts'
import { answer, type Bind } from '#platform/http.ts'
import type { Database } from '#platform/postgres.ts'
import type { Caller } from '../players/caller.ts'
import { genesis } from './chain.ts'
import type { ChainRecord } from './record.ts'

export function registerChainRoutes(
  bind: Bind<Caller>,
  { record, database }: { record: ChainRecord; database: Pick<Database, 'snapshot'> },
): void {
  bind(getChainHead, () =>
    database.snapshot(async tx => {
      const { sequence, hash } = (await record.findHead(tx)) ?? genesis
      const waiting = await record.countUnlinked(tx)
      return answer(200, { sequence, hash: Buffer.from(hash).toString('hex'), waiting })
    }),
  )
}
