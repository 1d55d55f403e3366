/** A check that never failed proves nothing: each rule is shown a small tree that breaks it, and one that does not. */
import t from 'tap'
import * as code from './code.ts'
import * as layers from './layers.ts'
import * as names from './names.ts'
import * as scripts from './scripts.ts'
import type { Rule, Source } from './source.ts'

type Files = Record<string, string>

const treeOf = (files: Files): Source[] => Object.entries(files).map(([path, text]) => ({ path, text }))

type Case = { rule: Rule; breaks: [Files, RegExp][]; keeps: Files[] }

const importing = (path: string, ...specifiers: string[]): Files => ({
  [path]: specifiers.map(specifier => `import { x } from '${specifier}'\n`).join(''),
})
const typing = (path: string, specifier: string): Files => ({
  [path]: `import type { X } from '${specifier}'\n`,
})
const lines = (count: number): string => 'const a = 1\n'.repeat(count)
const long = (name: string): string => `function ${name}() {\n${lines(70)}}\n`

const importCases: Record<string, Case> = {
  importsPointDown: {
    rule: layers.importsPointDown,
    breaks: [
      [importing('protocol/a.ts', '../src/geo/cell.ts'), /^protocol\/a\.ts:1 .*protocol may not use geo/],
      [importing('src/geo/a.ts', '#platform/clock.ts'), /geo may not use platform/],
      [importing('src/geo/a.ts', '../../protocol/limits.ts'), /geo may not use protocol/],
      [importing('src/platform/a.ts', '../ledger/account.ts'), /platform may not use domain/],
      [importing('src/platform/a.ts', '../geo/cell.ts'), /platform may not use geo/],
      [importing('src/claims/claim.ts', './postgres.ts'), /domain may not use adapter/],
      [importing('src/claims/claim.ts', '../envelopes/redis.ts'), /domain may not use adapter/],
      [importing('src/claims/claim.ts', './routes.ts'), /domain may not use edge/],
      [importing('src/claims/redis.ts', '../realtime/session.ts'), /adapter may not use edge/],
      [typing('src/claims/routes.ts', '../app.ts'), /edge may not use app/],
      [importing('src/app.ts', './bin/server.ts'), /app may not use bin/],
      [importing('src/claims/claim.ts', '../../test/helpers/world.ts'), /domain may not use test/],
      [{ 'src/geo/a.ts': "export const x = import('../app.ts')" }, /geo may not use app/],
      [{ 'src/geo/a.ts': "export * from '../app.ts'" }, /geo may not use app/],
    ],
    keeps: [
      importing('src/bin/server.ts', '../app.ts'),
      importing('src/app.ts', './claims/routes.ts', './claims/claim.ts', './claims/redis.ts'),
      importing('src/claims/routes.ts', './claim.ts', '#protocol/rest/claims.ts', '#platform/http.ts'),
      importing('src/claims/claim.ts', '../envelopes/split.ts', '../geo/cell.ts', '#platform/problem.ts'),
      importing('src/platform/http.ts', '#protocol/limits.ts', './problem.ts'),
      typing('src/claims/claim.ts', './redis.ts'),
      typing('src/claims/claim.ts', '../realtime/announcer.ts'),
    ],
  },
  heavyGeometryStaysInWorkers: {
    rule: layers.heavyGeometryStaysInWorkers,
    breaks: [
      [importing('src/campaigns/plan-drop.ts', './place.ts'), /runs in a worker/],
      [importing('src/app.ts', './campaigns/place-task.ts'), /runs in a worker/],
      [importing('src/areas/area.ts', '../geo/spread.ts'), /runs in a worker/],
    ],
    keeps: [
      importing('src/campaigns/place-task.ts', './place.ts'),
      importing('src/campaigns/place.ts', '../geo/fill.ts', '../geo/spread.ts', '../geo/spacing.ts'),
      typing('src/areas/area.ts', '../geo/spread.ts'),
    ],
  },
  adaptersStayHome: {
    rule: layers.adaptersStayHome,
    breaks: [
      [importing('src/claims/routes.ts', '../ledger/postgres.ts'), /another owner/],
      [importing('src/claims/postgres.ts', '../ledger/postgres.ts'), /another owner/],
    ],
    keeps: [
      importing('src/app.ts', './ledger/postgres.ts'),
      typing('src/claims/postgres.ts', '../ledger/postgres.ts'),
    ],
  },
  edgesAreNotShared: {
    rule: layers.edgesAreNotShared,
    breaks: [[importing('src/claims/routes.ts', '../envelopes/routes.ts'), /only app\.ts composes/]],
    keeps: [
      importing('src/app.ts', './claims/routes.ts'),
      importing('src/realtime/a.ts', '../claims/socket.ts'),
    ],
  },
  packagesStayWhereTheyBelong: {
    rule: layers.packagesStayWhereTheyBelong,
    breaks: [
      [importing('src/claims/claim.ts', 'pg'), /only a domain's postgres\.ts/],
      [importing('src/claims/redis.ts', 'pg'), /only a domain's postgres\.ts/],
      [typing('src/claims/claim.ts', 'ioredis'), /only a domain's redis\.ts/],
      [typing('src/claims/claim.ts', 'fastify'), /know HTTP/],
      [importing('src/claims/postgres.ts', '@fastify/cors'), /know HTTP/],
      [importing('src/claims/claim.ts', 'ws'), /know HTTP/],
      [importing('src/hints/band.ts', 'h3-js'), /only src\/geo/],
    ],
    keeps: [
      importing('src/claims/postgres.ts', 'pg'),
      importing('src/claims/redis.ts', 'ioredis'),
      importing('src/claims/routes.ts', 'fastify'),
      importing('src/realtime/session.ts', 'ws'),
      importing('src/geo/cell.ts', 'h3-js'),
      importing('src/platform/redis.ts', 'pg', 'ioredis', 'fastify', '@fastify/helmet'),
      importing('test/geo/cell.test.ts', 'h3-js', 'pg', 'ioredis', 'ws'),
    ],
  },
  domainLoadsNoIo: {
    rule: layers.domainLoadsNoIo,
    breaks: [
      [importing('src/claims/claim.ts', 'node:fs'), /loads node:fs/],
      [importing('src/geo/cell.ts', 'node:net'), /loads node:net/],
      [
        { ...importing('src/claims/claim.ts', '#platform/a.ts'), ...importing('src/platform/a.ts', 'pg') },
        /src\/claims\/claim\.ts:1 .*loads pg/,
      ],
      [
        {
          ...importing('src/platform/b.ts', 'ioredis'),
          ...importing('src/platform/a.ts', './b.ts'),
          ...importing('src/claims/claim.ts', '#platform/a.ts'),
        },
        /loads ioredis/,
      ],
      [
        {
          'src/claims/claim.ts': "import { type Tx } from '#platform/postgres.ts'",
          ...importing('src/platform/postgres.ts', 'pg'),
        },
        /import type/,
      ],
    ],
    keeps: [
      importing('src/claims/claim.ts', 'node:crypto', 'node:assert/strict'),
      {
        ...typing('src/claims/claim.ts', '#platform/postgres.ts'),
        ...importing('src/platform/postgres.ts', 'pg'),
      },
      {
        ...importing('src/claims/routes.ts', '#platform/http.ts'),
        ...importing('src/platform/http.ts', 'fastify'),
      },
    ],
  },
  acceptanceIsBlackBox: {
    rule: layers.acceptanceIsBlackBox,
    breaks: [[importing('test/acceptance/rush.test.ts', '../../src/app.ts'), /only the protocol/]],
    keeps: [importing('test/acceptance/rush.test.ts', '#protocol/limits.ts', 'ws', '../helpers/server.ts')],
  },
  importsAreSpelledAlike: {
    rule: layers.importsAreSpelledAlike,
    breaks: [
      [importing('src/claims/claim.ts', '../platform/clock.ts'), /write #platform\/clock\.ts/],
      [importing('src/platform/http.ts', '../../protocol/limits.ts'), /write #protocol\/limits\.ts/],
      [importing('src/claims/claim.ts', './gate'), /ending/],
    ],
    keeps: [
      importing('src/claims/claim.ts', './gate.ts', '#platform/clock.ts'),
      importing('src/platform/a.ts', './b.ts'),
    ],
  },
  productionDependencies: {
    rule: layers.createDependencyRule(new Set(['pg', '@fastify/cors'])),
    breaks: [
      [importing('src/platform/a.ts', 'typescript'), /not a dependency/],
      [importing('src/platform/a.ts', 'fs'), /node:/],
    ],
    keeps: [
      importing('src/platform/a.ts', 'pg', '@fastify/cors', 'node:fs'),
      typing('src/geo/a.ts', 'geojson'),
    ],
  },
  noCycles: {
    rule: layers.noCycles,
    breaks: [
      [
        {
          ...importing('src/a.ts', './b.ts'),
          ...importing('src/b.ts', './c.ts'),
          ...typing('src/c.ts', './a.ts'),
        },
        /src\/a\.ts → src\/b\.ts → src\/c\.ts → src\/a\.ts/,
      ],
      [importing('src/a.ts', './a.ts'), /src\/a\.ts → src\/a\.ts/],
    ],
    keeps: [{ ...importing('src/a.ts', './b.ts', './c.ts'), ...importing('src/b.ts', './c.ts') }],
  },
}

/** Written apart, so that this file does not break the rule. */
const [later, broken, rough] = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['HA', 'CK'],
].map(parts => parts.join(''))

const codeCases: Record<string, Case> = {
  filesAreShort: {
    rule: code.filesAreShort,
    breaks: [
      [{ 'src/a.ts': lines(301) }, /^src\/a\.ts:300 301 lines/],
      [{ 'test/a.test.ts': lines(701) }, /at most 700/],
      [{ 'src/app.ts': lines(401) }, /at most 400/],
    ],
    keeps: [{ 'src/a.ts': lines(300) }, { 'src/app.ts': lines(400) }, { 'test/a.test.ts': lines(700) }],
  },
  linesAreNarrow: {
    rule: code.linesAreNarrow,
    breaks: [
      [{ 'src/a.ts': `\n// ${'x'.repeat(118)}` }, /^src\/a\.ts:2 121 columns/],
      [{ 'src/sql/a.sql': 'x'.repeat(121) }, /121 columns/],
    ],
    keeps: [{ 'src/a.ts': `// ${'é'.repeat(117)}` }, { 'src/README.md': 'x'.repeat(500) }],
  },
  functionsAreShort: {
    rule: code.functionsAreShort,
    breaks: [
      [{ 'src/a.ts': `\n${long('walk')}` }, /^src\/a\.ts:2 walk has 72 lines/],
      [{ 'src/a.ts': `const walk = () => {\n${lines(69)}}` }, /walk has 71 lines/],
      [{ 'src/a.ts': `class A {\n walk() {\n${lines(69)}}\n}` }, /walk has 71 lines/],
      [{ 'test/a.test.ts': long('walk') }, /walk has 72 lines/],
    ],
    keeps: [
      { 'src/a.ts': `const walk = () => {\n${lines(68)}}` },
      { 'src/app.ts': long('createApp') },
      { 'test/a.test.ts': `t.test('x', async t => {\n${lines(80)}})` },
    ],
  },
  platformCallsStayThere: {
    rule: code.platformCallsStayThere,
    breaks: [
      [{ 'src/claims/a.ts': 'const now = Date.now()' }, /:1 Date\.now \(take a Clock .*nowMs\(\)\)/],
      [{ 'src/claims/a.ts': 'const read = Date.now' }, /Date\.now/],
      [{ 'src/claims/a.ts': 'const now = new Date()' }, /new Date\(\) \(take a Clock/],
      [{ 'src/claims/a.ts': 'const luck = Math.random()' }, /take a Random/],
      [{ 'src/claims/a.ts': 'setTimeout(f, 1)' }, /setTimeout \(take a Clock/],
      [{ 'src/claims/a.ts': 'globalThis.setTimeout(f, 1)' }, /setTimeout/],
      [{ 'src/claims/a.ts': "import { setTimeout as sleep } from 'node:timers/promises'" }, /setTimeout/],
      [{ 'src/claims/a.ts': 'const later = { schedule: setInterval }' }, /setInterval \(make it a Job/],
      [{ 'src/claims/a.ts': 'setImmediate(f)' }, /setImmediate/],
      [{ 'src/claims/a.ts': 'performance.now()' }, /nowMs/],
      [{ 'src/claims/a.ts': 'if (process.env.X) f()' }, /process\.env \(take the value from the Config/],
      [{ 'protocol/a.ts': 'console.log(1)' }, /console \(take a Logger/],
      [{ 'src/claims/a.ts': "import { randomBytes } from 'node:crypto'" }, /randomBytes \(take a Random/],
    ],
    keeps: [
      { 'src/platform/clock.ts': 'Date.now(); setTimeout(f, 1)', 'src/bin/a.ts': 'console.log(process.env)' },
      { 'src/claims/a.ts': 'new Date(atMs); clock.setTimeout(f); const o = { console: 1 }; "Date.now"' },
      { 'src/claims/a.ts': '// Date.now() would lie\n' },
      { 'test/a.test.ts': 'Date.now()' },
    ],
  },
  pointsAreLocatedOnce: {
    rule: code.pointsAreLocatedOnce,
    breaks: [[{ 'src/geo/polygon.ts': 'latLngToCell(1, 2, 3)' }, /use locateCell/]],
    keeps: [
      { 'src/geo/cell.ts': 'latLngToCell(1, 2, 12)', 'test/geo/cell.test.ts': 'latLngToCell(1, 2, 3)' },
    ],
  },
  exportsAreNamed: {
    rule: code.exportsAreNamed,
    breaks: [
      [{ 'src/a.ts': 'export default 1' }, /a default export/],
      [{ 'src/a.ts': 'export default function f() {}' }, /a default export/],
      [{ 'src/a.ts': "export { x } from './b.ts'" }, /re-exports/],
      [{ 'src/claims/index.ts': 'export const x = 1' }, /a barrel/],
    ],
    keeps: [{ 'src/a.ts': 'const x = 1\nexport { x }\nexport function f() {}' }],
  },
  statementsAreFiles: {
    rule: code.statementsAreFiles,
    breaks: [
      [{ 'src/claims/postgres.ts': 'tx.query(`select ${column} from claims`)' }, /SQL put together/],
      [{ 'src/claims/postgres.ts': "tx.query('select ' + column)" }, /SQL put together/],
      [{ 'src/claims/postgres.ts': 'tx.query({ text: `select ${column}` })' }, /SQL put together/],
    ],
    keeps: [
      {
        'src/claims/postgres.ts':
          "tx.query(sql['find'], [`a${b}`]); tx.query(sql[`find-${name}`]); tx.query('BEGIN')",
      },
    ],
  },
  transactionsAreAsConfigured: {
    rule: code.transactionsAreAsConfigured,
    breaks: [
      [
        { 'src/platform/postgres.ts': "\nbegin('BEGIN ISOLATION LEVEL SERIALIZABLE')" },
        /postgres\.ts:2 changes how/,
      ],
      [{ 'src/a.ts': 'query(`set local synchronous_commit = ${mode}`)' }, /changes how/],
      [{ 'src/claims/sql/a.sql': 'set transaction isolation level repeatable read' }, /a\.sql:1 changes how/],
      [{ 'migrations/0001_a.sql': 'create function f() set synchronous_commit = off' }, /changes how/],
    ],
    keeps: [
      {
        'src/platform/postgres.ts':
          "// nothing depends on SERIALIZABLE\nbegin('BEGIN ISOLATION LEVEL REPEATABLE READ')",
        'src/platform/checks/sql/a.sql': "-- not serializable\nselect current_setting('synchronous_commit')",
        'test/a.test.ts': "ask('alter database hexbao set synchronous_commit = off')",
      },
    ],
  },
  nothingIsPutOff: {
    rule: code.nothingIsPutOff,
    breaks: [
      [{ 'src/a.ts': `\n// ${later}: later` }, /^src\/a\.ts:2/],
      [{ 'src/lua/a.lua': `-- ${broken}` }, /do it now/],
      [{ 'src/README.md': `* ${rough}` }, /do it now/],
    ],
    keeps: [{ 'src/a.ts': "const currency = 'XXX', hack = 'a hack' // nothing" }],
  },
  testsAllRun: {
    rule: code.testsAllRun,
    breaks: [
      [{ 'test/a.test.ts': "t.skip('x', f)" }, /does not run/],
      [{ 'test/a.test.ts': "t.test.only('x', f)" }, /does not run/],
      [{ 'test/a.test.ts': "t.test('x', { skip: true }, f)" }, /does not run/],
    ],
    keeps: [{ 'test/a.test.ts': "t.test('x', f); const fc = { only: 1 }" }],
  },
  matchesSayWhatIsEmpty: {
    rule: code.matchesSayWhatIsEmpty,
    breaks: [
      [{ 'test/a.test.ts': '\nt.match(page, { body: { items: [] } })' }, /:2 an empty array/],
      [{ 'test/a.test.ts': 't.match(items, [])' }, /matches any/],
      [{ 'test/a.test.ts': 't.match(items, isEmpty ? [] : [1])' }, /matches any/],
    ],
    keeps: [
      {
        'test/a.test.ts':
          't.match(ask({ ids: [] }), { items: [{ id: 1 }], left: { length: 0 } })\nt.same(items, [])',
      },
    ],
  },
  testsFollowTheSetup: {
    rule: code.testsFollowTheSetup,
    breaks: [
      [
        { 'test/a.test.ts': "t.test('x', f)\nconst stage = await createStage(t)\nt.test('y', g)" },
        /:2 is waited/,
      ],
      [
        { 'test/a.test.ts': "for (const f of all) t.test('x', f)\nfor await (const x of y) use(x)" },
        /:2 is waited/,
      ],
      [{ 'test/a.test.ts': "await t.test('x', f)" }, /:1 is waited/],
    ],
    keeps: [
      {
        'test/a.test.ts':
          "const stage = await createStage(t)\nt.test('x', async t => { await t.test('y', f) })\n" +
          'async function g() { await 1 }',
      },
    ],
  },
}

const lua = (header: string, body: string): Files => ({
  'src/claims/lua/a.lua': `#!lua\n${header}\n${body}\n`,
})
const luaHeader = '-- Counts.\n-- KEYS: gate\n-- ARGV: now_ms, kept_ms (how long, in ms)\n-- Returns: "OK"'
const luaBody = 'local gate, now_ms, kept_ms = KEYS[1], tonumber(ARGV[1]), ARGV[2]\nreturn "OK"'
const sql = (text: string): Files => ({ 'src/claims/sql/a.sql': text })
const sqlHeader = '-- Finds a claim.\n-- Params: $1 claim, $2 player\n-- Returns: id\n'

const scriptCases: Record<string, Case> = {
  luaStatesItsContract: {
    rule: scripts.luaStatesItsContract,
    breaks: [
      [{ 'src/claims/lua/a.lua': `${luaHeader}\n${luaBody}` }, /does not open with #!lua/],
      [lua(luaHeader.replace('-- Counts.\n', ''), luaBody), /what it does/],
      [lua(luaHeader.replace('-- KEYS: gate\n', ''), luaBody), /lacks "-- KEYS:"/],
      [lua(luaHeader.replace('-- Returns: "OK"', '-- done'), luaBody), /lacks "-- Returns:"/],
      [lua(luaHeader, `${luaBody}${'\n-- x'.repeat(60)}`), /at most 60/],
      [lua(luaHeader, `${luaBody}\nwhile true do end`), /unbounded/],
      [lua(luaHeader, `${luaBody}\nrepeat f() until g()`), /unbounded/],
      [lua(luaHeader.replace('gate', 'outbox'), luaBody), /KEYS\[1\] is "outbox" in the header and gate/],
      [
        lua(luaHeader, luaBody.replace(', kept_ms = ', ' = ').replace(', ARGV[2]', '')),
        /ARGV\[2\] .* not bound/,
      ],
      [lua(luaHeader.replace('gate', 'none'), luaBody), /KEYS\[1\] \(gate\) is not in the header/],
      [
        lua(luaHeader, luaBody.replace('return', 'local a = 1\nf(KEYS[1])\nreturn')),
        /KEYS\[1\] is used below/,
      ],
    ],
    keeps: [
      lua(luaHeader, luaBody),
      lua(luaHeader, `${luaBody}\nlocal text = "repeat"\n-- while true\nfor i = 1, 3 do f(i) end`),
      lua(
        '-- Marks.\n-- KEYS: outbox, then per mark: gate, winners\n-- ARGV: per mark: player\n-- Returns: how many',
        'local outbox = KEYS[1]\nfor i = 2, #KEYS do f(KEYS[i], ARGV[i]) end',
      ),
      lua(
        '-- Replaces.\n-- KEYS: none\n-- ARGV: expected value, empty for none; next value\n-- Returns: {"CHANGED"}',
        'local expected, next_value = ARGV[1], ARGV[2]',
      ),
    ],
  },
  sqlStatesItsContract: {
    rule: scripts.sqlStatesItsContract,
    breaks: [
      [sql('select 1'), /what and why/],
      [sql('-- Finds.\n-- Returns: id\nselect 1'), /lacks "-- Params:"/],
      [sql('-- Finds.\n-- Params: none\nselect 1'), /lacks "-- Returns:"/],
      [sql(`${sqlHeader}select $1, $2; select 2`), /holds 2 statements/],
      [sql(sqlHeader), /holds 0 statements/],
      [sql(`${sqlHeader}select $1`), /header names \$1 \$2, the statement \$1/],
      [sql(`${sqlHeader}select $1, $2, $3`), /the statement \$1 \$2 \$3/],
    ],
    keeps: [
      sql(`${sqlHeader}select ';', $2, $1::uuid -- a; b\nfrom claims;`),
      { 'migrations/0001_a.sql': 'a; b' },
    ],
  },
  scriptsAreLoadedBesides: {
    rule: scripts.scriptsAreLoadedBesides,
    breaks: [
      [sql('x'), /src\/claims\/sql\/a\.sql:1 no module beside it/],
      [{ ...sql('x'), 'src/envelopes/postgres.ts': "f(['a'])" }, /no module beside it/],
      [
        { 'src/claims/postgres.ts': "loadStatements(import.meta.url, ['find'])" },
        /src\/claims\/postgres\.ts:1 loads src\/claims\/sql\/find\.sql/,
      ],
      [{ 'src/claims/redis.ts': "loadScript(import.meta.url, 'mark')" }, /loads src\/claims\/lua\/mark\.lua/],
    ],
    keeps: [{ ...sql('x'), 'src/claims/postgres.ts': "loadStatements(import.meta.url, ['a'])" }],
  },
}

const nameCases: Record<string, Case> = {
  partsLiveWithTheirNoun: {
    rule: names.partsLiveWithTheirNoun,
    breaks: [
      [{ 'src/utils/a.ts': '' }, /"utils" holds anything/],
      [{ 'src/claims/helpers.ts': '' }, /"helpers\.ts"/],
      [{ 'src/services/claim.ts': '' }, /"services"/],
      [{ 'test/claims/common.test.ts': '' }, /"common\.test\.ts"/],
    ],
    keeps: [
      {
        'test/helpers/a.ts': '',
        'src/platform/embedded/services.ts': '',
        'src/service-requests/post.ts': '',
      },
    ],
  },
  filesAreKebabCase: {
    rule: names.filesAreKebabCase,
    breaks: [
      [{ 'src/claims/settleQueue.ts': '' }, /kebab/],
      [{ 'src/claims/sql/find_claim.sql': '' }, /kebab/],
    ],
    keeps: [
      {
        'src/claims/settle-queue.ts': '',
        'test/a-b.test.ts': '',
        'src/README.md': '',
        'migrations/0001_a.sql': '',
      },
    ],
  },
  migrationsAreNumbered: {
    rule: names.migrationsAreNumbered,
    breaks: [
      [{ 'migrations/0001_a.sql': '', 'migrations/0003_b.sql': '' }, /0003_b\.sql:1 is not number 2/],
      [{ 'migrations/ledger.sql': '' }, /is not number 1/],
    ],
    keeps: [{ 'migrations/0002_b.sql': '', 'migrations/0001_a.sql': '' }],
  },
  serviceIsAnErrand: {
    rule: names.serviceIsAnErrand,
    breaks: [
      [{ 'src/claims/a.ts': 'class ClaimService {}' }, /ClaimService/],
      [{ 'src/claims/a.ts': 'type ServiceLocator = {}' }, /ServiceLocator/],
    ],
    keeps: [
      { 'src/a.ts': 'type ServiceRequest = {}; type OpenServiceRequests = {}; class Inserviceable {}' },
    ],
  },
  errorCodes: {
    rule: names.createErrorCodeRule(['ended', 'frozen']),
    breaks: [
      [{ 'src/a.ts': "refuse('ended'); refuse('frozen'); refuse('melted')" }, /src\/a\.ts:1 refuses melted/],
      [{ 'src/a.ts': "refuse('ended')" }, /documents frozen, which nothing/],
      [{ 'src/a.ts': "refuse('ended'); type S = 'frozen'" }, /documents frozen/],
    ],
    keeps: [{ 'src/a.ts': "refuse('ended'); const code = isCold ? 'frozen' : undefined" }],
  },
}

for (const [name, { rule, breaks, keeps }] of Object.entries({
  ...importCases,
  ...codeCases,
  ...scriptCases,
  ...nameCases,
})) {
  t.test(name, async t => {
    for (const [files, finding] of breaks) {
      const findings = rule(treeOf(files))
      t.match(findings.join('\n'), finding)
      for (const one of findings) t.match(one, /^[\w/.-]+:\d+ /, 'a finding names file and line')
    }
    for (const files of keeps) t.same(rule(treeOf(files)), [])
  })
}

t.test('the top level', async t => {
  const fixed = [
    'src',
    'migrations',
    'protocol',
    'test',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ]
  const whole = [
    ...fixed,
    'Dockerfile',
    'compose.yaml',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    '.git',
    'node_modules',
  ]
  t.same(names.judgeTopLevel(whole), [])
  t.same(names.judgeTopLevel([...whole, 'scripts']), ['scripts:1 does not belong to the top level'])
  t.same(names.judgeTopLevel(whole.slice(1)), ['src:1 is missing at the top level'])
})
