/** Players and merchants for tests, added as the server adds them. */
import { createId } from '#platform/id.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import type { Area } from '#protocol/rest/areas.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { grantTestMoney } from '../../src/ledger/test-money.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import type { World } from './world.ts'

export const testCurrencies: ReadonlyMap<string, number> = new Map([['CNY', 2]])

/** A player with `walletMinor` fen in the wallet. */
export async function addPlayer(
  world: World,
  { walletMinor = 0n, timeScale = 1 }: { walletMinor?: bigint; timeScale?: number } = {},
): Promise<PlayerCaller> {
  const { database, clock } = world
  const id = createId(world)
  await playerRecord.add(database, {
    id,
    issuer: 'hexbao',
    subject: id,
    timeScale,
    nowMs: clock.nowMs(),
  })
  await fillWallet(world, id, walletMinor)
  return { kind: 'player', id, timeScale }
}

/** A merchant who may do everything, with `walletMinor` fen, and no key. */
export async function addMerchant(
  world: World,
  { walletMinor = 0n, area }: { walletMinor?: bigint; area?: Area } = {},
): Promise<MerchantCaller> {
  const { database, clock } = world
  const id = createId(world)
  await merchantRecord.add(database, { id, name: 'Test', area, createdAtMs: clock.nowMs() })
  await fillWallet(world, id, walletMinor)
  const scopes = ['read', 'campaigns', 'finance', 'admin'] as const
  return { kind: 'merchant', id, keyId: createId(world), scopes }
}

/** Adds test money to a wallet. */
export async function fillWallet(world: World, ownerId: string, amountMinor: bigint): Promise<void> {
  if (amountMinor === 0n) return
  const ports = { ...world, currencies: testCurrencies, postTransfers }
  await world.database.transact(tx => grantTestMoney(ports, tx, { ownerId, amountMinor }))
}
