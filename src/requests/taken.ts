/**
 * What the record says of a request that the gate calls taken. The gate may be behind it: its provider has given it
 * back, and the message that lets the next one in was lost. So the row is asked, once for all who ask meanwhile: a
 * crowd of thousands costs one small question after the other.
 */
import { type Ask, createBatcher } from '#platform/batch.ts'
import type { Tx } from '#platform/postgres.ts'
import type { RequestRecord } from './ports.ts'
import type { RequestState } from './state.ts'

/** By id; undefined where there is no such request. */
export type AskState = Ask<string, RequestState | undefined>

const maxSize = 1_000

export const createStateAsking = ({
  tx,
  record,
}: {
  tx: Tx
  record: Pick<RequestRecord, 'findStates'>
}): AskState =>
  createBatcher({
    ...{ maxSize, concurrency: 1 },
    async run(ids: string[]) {
      const states = await record.findStates(tx, [...new Set(ids)])
      return ids.map(id => states.get(id))
    },
  })
