/** The structure of the project, enforced: each rule is a function over the tree; `tidy/rules.test.ts` proves them. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { errorCodes } from '#protocol/errors.ts'
import { mutants } from './mutants/mutants.ts'
import * as code from './tidy/code.ts'
import * as layers from './tidy/layers.ts'
import * as names from './tidy/names.ts'
import * as scripts from './tidy/scripts.ts'
import { readTree, type Rule } from './tidy/source.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const tree = readTree(root)
const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  dependencies: Record<string, string>
}

const rules: Record<string, Rule> = {
  'imports point down': layers.importsPointDown,
  'adapters are used by their owner': layers.adaptersStayHome,
  'routes and sockets are composed in app.ts': layers.edgesAreNotShared,
  'packages stay where they belong': layers.packagesStayWhereTheyBelong,
  'pure files and verbs load no I/O': layers.domainLoadsNoIo,
  'heavy geometry stays in workers': layers.heavyGeometryStaysInWorkers,
  'acceptance tests are a black box': layers.acceptanceIsBlackBox,
  'imports are spelled alike': layers.importsAreSpelledAlike,
  'production needs no development dependency': layers.createDependencyRule(
    new Set(Object.keys(dependencies)),
  ),
  'no import cycles': layers.noCycles,
  'files are short': code.filesAreShort,
  'lines are narrow': code.linesAreNarrow,
  'functions are short': code.functionsAreShort,
  'clock, randomness, timers, environment and console belong to the platform': code.platformCallsStayThere,
  'points are located once': code.pointsAreLocatedOnce,
  'exports are named, without barrels': code.exportsAreNamed,
  'SQL statements are files': code.statementsAreFiles,
  'transactions commit and see as configured': code.transactionsAreAsConfigured,
  'nothing is put off': code.nothingIsPutOff,
  'all tests run': code.testsAllRun,
  'matches say what is empty': code.matchesSayWhatIsEmpty,
  'tests follow the setup': code.testsFollowTheSetup,
  'Lua states its contract': scripts.luaStatesItsContract,
  'SQL states its contract': scripts.sqlStatesItsContract,
  'scripts are loaded by the module beside them': scripts.scriptsAreLoadedBesides,
  'parts live with their noun': names.partsLiveWithTheirNoun,
  'files are kebab-case': names.filesAreKebabCase,
  'migrations are numbered': names.migrationsAreNumbered,
  'a service is a service request': names.serviceIsAnErrand,
  'error codes are refused and documented': names.createErrorCodeRule(errorCodes),
  'the top level is fixed': () => names.judgeTopLevel(readdirSync(root)),
}

for (const [name, rule] of Object.entries(rules)) {
  t.test(name, async t => {
    const findings = rule(tree)
    for (const finding of findings) t.fail(finding, { at: null, stack: '' })
    if (findings.length === 0) t.pass(name)
  })
}

t.test('every mutant is a patch of the code as it is', t => {
  const patches = readdirSync(`${root}/test/mutants/patches`)
  t.same(patches.sort(), mutants.map(({ name }) => `${name}.patch`).sort())
  for (const patch of patches) {
    const { status, stderr } = spawnSync('git', ['apply', '--check', `test/mutants/patches/${patch}`], {
      cwd: root,
    })
    t.equal(status, 0, `${patch} ${String(stderr)}`)
  }
  t.end()
})
