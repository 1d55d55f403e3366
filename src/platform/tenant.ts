/**
 * In whose name a request runs. A tenant's request carries the tenant with everything that it awaits, so the database
 * knows whose rows it may see without being told: what has to be handed on from verb to verb can be forgotten once,
 * and then somebody reads the rows of another.
 *
 * Before Node 24 the runtime pays for that at every promise of the process, whoever made it, which was a quarter of a
 * claim that is answered from memory. So names are followed only while a tenant's request is under way. Nothing may go
 * on in a name when its request is over: as long as another one is under way that is a fault, and when none is, nobody
 * can tell it from the game's own work. Tests of whatever a tenant may do keep another under way, so that it is seen.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Tx } from './postgres.ts'

export type TenantRequest = {
  tenantId: string
  /** Notes what a transaction of the request came to, in that transaction, before its commit. */
  note?: (tx: Tx, value: unknown) => Promise<void>
}

type Following = { request: TenantRequest; isOver: boolean }

const followed = new AsyncLocalStorage<Following | undefined>()
let underWay = 0

/** Runs `run`, and all that follows from it until its promise settles, in the tenant's name. */
export function inNameOf<T>(request: TenantRequest, run: () => T): T {
  const following = { request, isOver: false }
  const end = () => {
    following.isOver = true
    if (--underWay === 0) followed.disable()
  }
  underWay++
  let outcome: T
  try {
    outcome = followed.run(following, run)
  } catch (error) {
    end()
    throw error
  }
  if (outcome instanceof Promise) outcome.then(end, end)
  else end()
  return outcome
}

/** Runs the game's own work that a tenant's request has caused: it may outlive the request. */
export const inNobodysName = <T>(run: () => T): T => (underWay === 0 ? run() : followed.run(undefined, run))

/** Whose request this is; none is the game's own work, and everybody who is no tenant. */
export function requestUnderWay(): TenantRequest | undefined {
  const following = followed.getStore()
  if (following?.isOver) throw new Error('a tenant’s request is over, and something of it goes on')
  return following?.request
}
