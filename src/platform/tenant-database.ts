/**
 * The database as a request may see it. In a tenant's name every statement runs on a connection of the tenants' role,
 * inside a transaction that names the tenant; one that names none sees no row of anybody. Without a tenant it is the
 * game's own. The two have pools of their own, so that tenants never take the game's connections.
 */
import { type Database, loadStatements, type Tx } from './postgres.ts'
import { requestUnderWay, type TenantRequest } from './tenant.ts'

const sql = loadStatements(import.meta.url, ['name-tenant'])

/** Tenants' connections of one server; more requests than that wait for each other. */
export const tenantConnections = 6

export function followTenants({ game, tenants }: { game: Database; tenants: Database }): Database {
  const transact = <T>(request: TenantRequest, run: (tx: Tx) => Promise<T>): Promise<T> =>
    tenants.transact(async tx => {
      await tx.query(sql['name-tenant'], [request.tenantId])
      const value = await run(tx)
      await request.note?.(tx, value)
      return value
    })

  return {
    query: (statement, params) => {
      const request = requestUnderWay()
      return request === undefined
        ? game.query(statement, params)
        : transact(request, tx => tx.query(statement, params))
    },
    transact: run => {
      const request = requestUnderWay()
      return request === undefined ? game.transact(run) : transact(request, run)
    },
    snapshot: run => {
      const request = requestUnderWay()
      if (request === undefined) return game.snapshot(run)
      return tenants.snapshot(async tx => {
        await tx.query(sql['name-tenant'], [request.tenantId])
        return run(tx)
      })
    },
    withLock: game.withLock,
    withLocks: game.withLocks,
    use() {
      const [ofGame, ofTenants] = [game.use(), tenants.use()]
      return {
        total: ofGame.total + ofTenants.total,
        idle: ofGame.idle + ofTenants.idle,
        waiting: ofGame.waiting + ofTenants.waiting,
      }
    },
    close: async () => {
      await Promise.all([game.close(), tenants.close()])
    },
  }
}
