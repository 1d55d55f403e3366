/** Open service requests put straight into the record, so that nobody announces them unless the test does. */
import { createId } from '#platform/id.ts'
import { type Cell, centreOf } from '../../src/geo/cell.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { requestRecord } from '../../src/requests/postgres.ts'
import { fundRequest, type ServiceRequest, showAgain } from '../../src/requests/request.ts'
import { addPlayer } from '../helpers/people.ts'
import type { World } from '../helpers/world.ts'

/** In the middle of a res-12 cell, for 30 yuan. */
export async function plantRequest(
  world: World,
  cell: Cell,
  more: Partial<ServiceRequest> = {},
): Promise<ServiceRequest> {
  const nowMs = world.clock.nowMs()
  const posterId = more.posterId ?? (await addPlayer(world, { walletMinor: 100_000n })).id
  const request: ServiceRequest = {
    ...{ id: createId(world), posterId, deviceId: null, mode: 'choose', category: 'queueing' },
    ...{ text: 'Queue for me', instructions: 'Door 7', place: centreOf(cell), cell, currency: 'CNY' },
    ...{ priceMinor: 3_000n, topUps: 0, state: 'open', version: 1n, offers: 0, providerId: null },
    ...{ ...showAgain(nowMs), dueAtMs: nowMs + 86_400_000, deliverWithinS: 21_600, createdAtMs: nowMs },
    fundedAtMs: nowMs,
    ...{ expiresAtMs: nowMs + 86_400_000, acceptedAtMs: null, deliveredAtMs: null, disputeReason: null },
    ...{ endedAtMs: null, paidMinor: null },
    ...more,
  }
  await world.database.transact(async tx => {
    await requestRecord.insert(tx, request)
    await postTransfers(tx, [fundRequest(request)])
  })
  return request
}
