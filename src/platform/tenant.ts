/**
 * In whose name a request runs. A tenant's request carries the tenant with everything that it awaits, so the database
 * knows whose rows it may see without being told: what has to be handed on from verb to verb can be forgotten once,
 * and then somebody reads the rows of another.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Tx } from './postgres.ts'

export type TenantRequest = {
  tenantId: string
  /** Notes what a transaction of the request came to, in that transaction, before its commit. */
  note?: (tx: Tx, value: unknown) => Promise<void>
}

const requests = new AsyncLocalStorage<TenantRequest>()

/** Runs `run`, and all that follows from it, in the tenant's name. */
export const inNameOf = <T>(request: TenantRequest, run: () => T): T => requests.run(request, run)

/** Whose request this is; none is the game's own work, and everybody who is no tenant. */
export const requestUnderWay = (): TenantRequest | undefined => requests.getStore()
