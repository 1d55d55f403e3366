/** What may stand in code: size, calls that belong to the platform, exports, leftovers of tests. */
import ts from 'typescript'
import { eachLine, findingAt, isCode, isTest, lineOf, nameOf, nodesOf, parse, type Rule } from './source.ts'
import type { Source } from './source.ts'

const longestFile = ({ path }: Source): number =>
  // One line for each part of the game and what it needs: the one file that grows with their number.
  path === 'src/app.ts' ? 400 : path.startsWith('test/') ? 700 : 300

export const filesAreShort: Rule = tree =>
  tree.filter(isCode).flatMap(source => {
    const lines = source.text.trimEnd().split('\n').length
    const limit = longestFile(source)
    return lines <= limit ? [] : [`${source.path}:${limit} ${lines} lines, at most ${limit} (split by idea)`]
  })

export const linesAreNarrow: Rule = tree =>
  tree
    .filter(({ path }) => !path.endsWith('.md'))
    .flatMap(source =>
      eachLine(source, line =>
        line.length > 120 ? `${line.length} columns, at most 120 (break it)` : undefined,
      ),
    )

const longestFunction = 70

export const functionsAreShort: Rule = tree =>
  tree
    .filter(source => isCode(source) && source.path !== 'src/app.ts')
    .flatMap(source =>
      nodesOf(parse(source))
        .filter(isFunction)
        .filter(node => !isTestBody(node, source)),
    )
    .flatMap(node => {
      const file = node.getSourceFile()
      const lines = file.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(node)
      const message = `${nameFunction(node)} has ${lines} lines, at most ${longestFunction} (take a step out)`
      return lines <= longestFunction ? [] : [findingAt(node, message)]
    })

type FunctionNode = ts.FunctionLikeDeclaration
const isFunction = (node: ts.Node): node is FunctionNode =>
  ts.isFunctionLike(node) && 'body' in node && node.body !== undefined

const isTestBody = (node: ts.Node, source: Source): boolean =>
  isTest(source) && ts.isCallExpression(node.parent) && node.parent.expression !== node

function nameFunction(node: FunctionNode): string {
  const holder = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined)
  return holder?.getText() ?? 'a function'
}

/** What belongs to the platform, and what a domain uses instead. */
const replacements: Readonly<Record<string, string>> = {
  'Date.now': 'take a Clock (src/platform/clock.ts) and call nowMs()',
  'performance.now': 'take a Clock (src/platform/clock.ts) and call nowMs()',
  'Math.random': 'take a Random (src/platform/random.ts) and call fraction() or bytes()',
  'crypto.randomUUID': 'take a Random (src/platform/random.ts), or make the id in src/platform/id.ts',
  randomUUID: 'take a Random (src/platform/random.ts), or make the id in src/platform/id.ts',
  randomBytes: 'take a Random (src/platform/random.ts) and call bytes()',
  setTimeout: 'take a Clock (src/platform/clock.ts) and call after() or sleep()',
  setInterval: 'make it a Job (src/platform/jobs.ts), or call after() of a Clock',
  setImmediate: 'take a Clock (src/platform/clock.ts) and call after(0, …)',
  'process.env': 'take the value from the Config (src/platform/config.ts)',
  console: 'take a Logger (src/platform/logger.ts), or return what there is to say',
}

export const platformCallsStayThere: Rule = tree =>
  tree
    .filter(source => isCode(source) && /^(src|protocol)\//.test(source.path))
    // The reference client runs where there is no platform of ours.
    .filter(({ path }) => !/^(src\/(platform|bin)\/|protocol\/client(\.ts$|\/))/.test(path))
    .flatMap(source => nodesOf(parse(source)).flatMap(judgeCall))

function judgeCall(node: ts.Node): string[] {
  const called = nameCall(node)
  const instead =
    called === undefined ? undefined : replacements[called === 'new Date()' ? 'Date.now' : called]
  return instead === undefined ? [] : [findingAt(node, `${called} (${instead})`)]
}

function nameCall(node: ts.Node): string | undefined {
  const isBareDate =
    (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
    node.expression.getText() === 'Date' &&
    (node.arguments ?? []).length === 0
  if (isBareDate) return 'new Date()'
  if (ts.isPropertyAccessExpression(node))
    return node
      .getText()
      .replace(/\s+/g, '')
      .replace(/^globalThis\./, '')
  return ts.isIdentifier(node) && isReference(node) ? node.text : undefined
}

/** A name that is read or imported, not a property or a parameter that is called alike. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isImportSpecifier(parent) || ts.isShorthandPropertyAssignment(parent)) return true
  return !('name' in parent && parent.name === node)
}

export const pointsAreLocatedOnce: Rule = tree =>
  tree
    .filter(source => isCode(source) && !isTest(source) && source.path !== 'src/geo/cell.ts')
    .flatMap(source => nodesOf(parse(source)))
    .filter(node => ts.isIdentifier(node) && node.text === 'latLngToCell')
    .map(node => findingAt(node, 'latLngToCell (use locateCell of src/geo/cell.ts, then coarsen)'))

export const exportsAreNamed: Rule = tree =>
  tree.filter(isCode).flatMap(source => {
    const barrel = /^index\.\w+$/.test(nameOf(source.path))
      ? [`${source.path}:1 a barrel (import the file itself)`]
      : []
    const defaults = parse(source).statements.filter(isDefaultExport)
    const stars = parse(source).statements.filter(ts.isExportDeclaration).filter(isReExport)
    return [
      ...barrel,
      ...defaults.map(node => findingAt(node, 'a default export (give it a name)')),
      ...stars.map(node => findingAt(node, 're-exports another module (import it where it is used)')),
    ]
  })

const isReExport = (node: ts.ExportDeclaration): boolean => node.moduleSpecifier !== undefined

function isDefaultExport(node: ts.Statement): boolean {
  if (ts.isExportAssignment(node)) return true
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)
}

export const statementsAreFiles: Rule = tree =>
  tree
    .filter(source => isCode(source) && source.path.startsWith('src/'))
    .flatMap(source => nodesOf(parse(source)))
    .filter(ts.isCallExpression)
    .filter(({ expression, arguments: [statement] }) => isQuery(expression) && isComposed(statement))
    .map(node =>
      findingAt(node, 'SQL put together from strings (a parameterised statement in sql/, with $1 …)'),
    )

/** What weakens a commit, or asks for more isolation than the locks are made for. */
const settled =
  /\bserializable\b|\bset\s+(local\s+|session\s+)?(synchronous_commit|transaction\s+isolation)\b/i

export const transactionsAreAsConfigured: Rule = tree => {
  const message =
    'changes how a transaction commits or what it sees (READ COMMITTED with row locks, as configured)'
  // The checks advise how to configure it.
  const code = tree.filter(source => isCode(source) && /^src\/(?!platform\/checks\/)/.test(source.path))
  const scripts = tree.filter(({ path }) => /^(src|migrations)\/.*\.sql$/.test(path))
  return [
    ...code
      .flatMap(source => nodesOf(parse(source)))
      .filter(
        node =>
          (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) && settled.test(node.getText()),
      )
      .map(node => findingAt(node, message)),
    ...scripts.flatMap(source =>
      eachLine(source, line => (settled.test(line.replace(/--.*$/, '')) ? message : undefined)),
    ),
  ]
}

const isQuery = (callee: ts.Expression): boolean =>
  ts.isPropertyAccessExpression(callee) && callee.name.text === 'query'

/** A template with gaps, a sum, or an object with one of them as its `text`. */
function isComposed(statement: ts.Node | undefined): boolean {
  if (statement === undefined) return false
  if (ts.isObjectLiteralExpression(statement)) {
    return statement.properties.some(part => ts.isPropertyAssignment(part) && isComposed(part.initializer))
  }
  return ts.isTemplateExpression(statement) || ts.isBinaryExpression(statement)
}

const leftBehind = ['TO DO', 'FIX ME', 'X XX', 'HA CK'].map(word => word.replace(' ', ''))
/** Only in a comment: three of these letters are also the currency that is none (ISO 4217). */
const leftover = new RegExp(`(?://|\\*|--|#).*\\b(${leftBehind.join('|')})\\b`)

export const nothingIsPutOff: Rule = tree =>
  tree.flatMap(source =>
    eachLine(source, line => {
      const word = leftover.exec(line)?.[1]
      return word === undefined ? undefined : `${word} (do it now, or leave it to the issue list)`
    }),
  )

export const testsAllRun: Rule = tree =>
  tree
    .filter(source => isCode(source) && isTest(source))
    .flatMap(source => nodesOf(parse(source)))
    .flatMap(node => {
      const isMuted =
        ts.isCallExpression(node) &&
        ts.isPropertyAccessExpression(node.expression) &&
        ['skip', 'only', 'todo'].includes(node.expression.name.text)
      const isMutedByOption =
        ts.isPropertyAssignment(node) &&
        ['skip', 'only', 'todo'].includes(node.name.getText()) &&
        ts.isCallExpression(node.parent.parent)
      return isMuted || isMutedByOption
        ? [findingAt(node, 'a test that does not run, or keeps others from running (repair or delete it)')]
        : []
    })

/** Tap's `match` takes an empty array for any array. */
export const matchesSayWhatIsEmpty: Rule = tree =>
  tree
    .filter(source => isCode(source) && isTest(source))
    .flatMap(source => nodesOf(parse(source)))
    .filter(node => ts.isArrayLiteralExpression(node) && node.elements.length === 0 && isInMatch(node))
    .map(node => findingAt(node, 'an empty array, which matches any (say { length: 0 }, or use t.same)'))

/** Part of what is expected, not of how what was found was asked for. */
function isInMatch(node: ts.Node): boolean {
  const call = ts.findAncestor(node, ts.isCallExpression)
  return call?.expression.getText() === 't.match' && call.arguments.indexOf(node as ts.Expression) !== 0
}

/**
 * Tap ends a file as soon as no test is under way, if something is to be torn down: what is still being set up then is
 * torn down with it, and tests further below never run, without a word.
 */
export const testsFollowTheSetup: Rule = tree =>
  tree
    .filter(source => isCode(source) && isTest(source))
    .flatMap(source => {
      const { statements } = parse(source)
      const first = statements.findIndex(startsTest)
      return first === -1 ? [] : statements.slice(first).filter(waits)
    })
    .map(node => findingAt(node, 'is waited for while tests are under way (set up above the first test)'))

const startsTest = (statement: ts.Statement): boolean =>
  nodesOf(statement).some(
    node => ts.isCallExpression(node) && node.expression.getText() === 't.test' && isAtTopLevel(node),
  )

const waits = (statement: ts.Statement): boolean =>
  nodesOf(statement).some(
    node =>
      (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) &&
      isAtTopLevel(node),
  )

const isAtTopLevel = (node: ts.Node): boolean => ts.findAncestor(node, ts.isFunctionLike) === undefined
