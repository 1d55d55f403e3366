/**
 * Who may do what in PostgreSQL, each with a login of its own: an owner, who migrates; the server, which may take the
 * roles of the migrations and is nobody without them; and a reader, who counts and verifies. So whoever gets hold of a
 * server's DATABASE_URL can add to the record and neither rewrite it nor change the schema.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { Client, escapeIdentifier as quote, escapeLiteral } from 'pg'
import { checkSchema } from './migrations.ts'
import type { Random } from './random.ts'

export type RoleNames = { owner: string; app: string; reader: string }

export const nameRoles = (prefix = 'hexbao'): RoleNames => ({
  owner: `${prefix}_owner`,
  app: `${prefix}_app`,
  reader: `${prefix}_reader`,
})

/** What the second count and the chain are made from: no key, no token, no text, nobody's name. */
const readTables = [
  ...['migrations', 'accounts', 'transfers', 'transfer_links', 'unlinked_transfers', 'claims', 'envelopes'],
  ...[
    'envelope_shares',
    'campaigns',
    'drops',
    'budgets',
    'payouts',
    'service_requests',
    'coupons',
    'coupon_pools',
  ],
  ...['coupon_redemptions', 'dead_letters', 'outbox_cursors'],
]

const powerless = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls'

/** Statements that make the roles, or make them again what they should be; to run as a superuser, after migrating. */
export function listRoleStatements({ owner, app, reader }: RoleNames): string[] {
  const [of, by, from] = [quote(owner), quote(app), quote(reader)]
  const inherits = { [owner]: 'inherit', [app]: 'noinherit', [reader]: 'noinherit' }
  const everybody = [of, by, from].join(', ')
  return [
    ...Object.entries(inherits).flatMap(([name, kind]) => [
      unless('pg_roles', `rolname = ${escapeLiteral(name)}`, `create role ${quote(name)}`),
      `alter role ${quote(name)} login ${kind} ${powerless}`,
    ]),
    // What was granted by hand since then.
    leaveRoles([owner, app, reader]),
    `grant hexbao_game, hexbao_merchant to ${of} with admin option`,
    `grant hexbao_game, hexbao_merchant to ${by}`,
    inDatabase(`revoke all on database %I from public, ${by}, ${from}`),
    inDatabase(`grant connect on database %I to ${everybody}`),
    inDatabase(`grant create on database %I to ${of}`),
    `revoke all on schema public from public, ${by}, ${from}`,
    `grant usage, create on schema public to ${of}`,
    `grant usage on schema public to ${by}, ${from}, hexbao_game, hexbao_merchant`,
    handOver(owner),
    `alter policy balances on accounts to ${of}`,
    `revoke all on all tables in schema public from ${by}, ${from}`,
    `grant select on migrations to ${by}`,
    `grant select on ${readTables.join(', ')} to ${from}`,
    showTo(reader),
  ]
}

/** `statement`, where `table` has no such row. */
const unless = (table: string, where: string, statement: string): string =>
  `do $$ begin if not exists (select from ${table} where ${where}) then ${statement}; end if; end $$`

const inDatabase = (format: string): string =>
  `do $$ begin execute format(${escapeLiteral(format)}, current_database()); end $$`

const listOf = (names: readonly string[]): string => names.map(escapeLiteral).join(', ')

const leaveRoles = (names: readonly string[]): string => `do $$ declare one record; begin
  for one in select m.roleid::regrole as role, m.member::regrole as member from pg_auth_members m
    join pg_roles r on r.oid = m.member where r.rolname in (${listOf(names)})
  loop execute format('revoke %s from %s', one.role, one.member); end loop;
end $$`

/** Everything of the schema that belongs to no extension. A sequence of a column goes with its table. */
const handOver = (owner: string): string => `do $$ declare one record; begin
  for one in select c.oid::regclass as name from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('e', 'i', 'a')
        and d.classid = 'pg_class'::regclass)
  loop execute format('alter table %s owner to %I', one.name, ${escapeLiteral(owner)}); end loop;
  for one in select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  loop execute format('alter routine %s owner to %I', one.name, ${escapeLiteral(owner)}); end loop;
end $$`

/** Where rows are kept apart, the reader sees them all, and writes none. */
const showTo = (reader: string): string => `do $$ declare one record; begin
  for one in select c.oid::regclass as name from pg_class c where c.relrowsecurity
    and c.relname in (${listOf(readTables)}) and c.relnamespace = 'public'::regnamespace
  loop
    execute format('drop policy if exists %I on %s', ${escapeLiteral(reader)}, one.name);
    execute format('create policy %I on %s for select to %I using (true)',
      ${escapeLiteral(reader)}, one.name, ${escapeLiteral(reader)});
  end loop;
end $$`

/** For `psql` or a review; passwords are for whoever runs it. */
export function formatRoles(names: RoleNames): string {
  const statements = listRoleStatements(names).map(statement => `${statement};`)
  const passwords = Object.values(names).map(name => `-- then, in psql: \\password ${name}`)
  return ['begin;', ...statements, 'commit;', ...passwords].join('\n')
}

export type AppliedRoles = { name: string; password: string | undefined }[]

/** The DATABASE_URL of a login. */
export function urlOfLogin(
  databaseUrl: string,
  { name, password }: { name: string; password: string },
): string {
  const url = new URL(databaseUrl)
  url.username = name
  url.password = password
  return url.href
}

/**
 * Makes the roles in one transaction. A role that is new, or every one with `rotate`, gets a password, of which
 * PostgreSQL hears the SCRAM verifier alone: no log of statements has it. Throws where the schema is not up to date.
 */
export async function applyRoles(
  databaseUrl: string,
  { names, rotate, random }: { names: RoleNames; rotate: boolean; random: Random },
): Promise<AppliedRoles> {
  const fault = await checkSchema(databaseUrl)
  if (fault !== undefined) throw new Error(fault)
  const client = new Client({
    connectionString: databaseUrl,
    lock_timeout: 30_000,
    application_name: 'hexbao-roles',
  })
  await client.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles')
    const known = new Set(rows.map(row => row.rolname))
    for (const statement of listRoleStatements(names)) await client.query(statement)
    const applied: AppliedRoles = []
    for (const name of Object.values(names)) {
      const password =
        rotate || !known.has(name) ? Buffer.from(random.bytes(24)).toString('base64url') : undefined
      if (password !== undefined) {
        await client.query(setPassword(name, makeVerifier(password, random.bytes(16))))
      }
      applied.push({ name, password })
    }
    await client.query('commit')
    return applied
  } finally {
    // What was not committed goes with the connection.
    await client.end()
  }
}

/** What defines roles takes no parameters. */
const setPassword = (name: string, verifier: string): string =>
  `alter role ${quote(name)} password ${escapeLiteral(verifier)}`

const rounds = 4_096

/** RFC 5802, as PostgreSQL keeps it; the password is ASCII, so SASLprep changes nothing. */
function makeVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password, salt, rounds, 32, 'sha256')
  const keyFor = (what: string) => createHmac('sha256', salted).update(what).digest()
  const stored = createHash('sha256').update(keyFor('Client Key')).digest('base64')
  const [salt64, server] = [Buffer.from(salt).toString('base64'), keyFor('Server Key').toString('base64')]
  return `SCRAM-SHA-256$${rounds}:${salt64}$${stored}:${server}`
}

/** The role that a tool takes which only reads: the game's, where its user may; the reader is one itself. */
export async function chooseRole(databaseUrl: string): Promise<{ role?: 'hexbao_game' }> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'hexbao-roles' })
  await client.connect()
  try {
    const text = "select pg_has_role(oid, 'member') as may from pg_roles where rolname = 'hexbao_game'"
    const { rows } = await client.query<{ may: boolean }>(text)
    return rows[0]?.may === false ? {} : { role: 'hexbao_game' }
  } finally {
    await client.end()
  }
}
