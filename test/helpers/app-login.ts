/** The login that `npm run pg-roles` makes for servers, in a test's own database. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { applyRoles, nameRoles, urlOfLogin } from '#platform/pg-roles.ts'
import { systemRandom } from '#platform/random.ts'
import type { World } from './world.ts'

/** Roles are the whole cluster's, so names are drawn; at the end of `t` they are gone. */
export async function createAppLogin(t: Test, world: World): Promise<string> {
  const names = nameRoles(`t${randomBytes(6).toString('hex')}`)
  t.teardown(() => dropRoles(world, Object.values(names)))
  const applied = await applyRoles(world.databaseUrl, { names, rotate: false, random: systemRandom })
  const password = applied.find(({ name }) => name === names.app)?.password ?? ''
  return urlOfLogin(world.databaseUrl, { name: names.app, password })
}

/** What they own goes back first. */
export async function dropRoles({ ownerDatabase }: World, names: readonly string[]): Promise<void> {
  const run = (text: string) => ownerDatabase.query({ name: '', text })
  for (const name of names) {
    await run(`reassign owned by ${name} to current_user`).catch(() => [])
    await run(`drop owned by ${name}`).catch(() => [])
    await run(`drop role if exists ${name}`)
  }
}
