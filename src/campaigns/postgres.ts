/** The table of campaigns: so far an id that a merchant has chosen, for caps and freezes. */
import { loadStatements, type Tx } from '#platform/postgres.ts'

const sql = loadStatements(import.meta.url, ['take-campaign', 'find-campaign'])

export const campaignRecord = {
  /** Makes it the merchant's unless it is somebody's; whether it is theirs now. */
  async take(
    tx: Tx,
    { id, merchantId, nowMs }: { id: string; merchantId: string; nowMs: number },
  ): Promise<boolean> {
    await tx.query(sql['take-campaign'], [id, merchantId, new Date(nowMs)])
    return (await campaignRecord.findMerchant(tx, id)) === merchantId
  },

  async findMerchant(tx: Tx, id: string): Promise<string | undefined> {
    const [row] = await tx.query<{ merchant_id: string }>(sql['find-campaign'], [id])
    return row?.merchant_id
  },
}
