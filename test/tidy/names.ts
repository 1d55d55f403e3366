/** Names: the fixed top level, folders that are nouns of the game, one list of error codes. */
import ts from 'typescript'
import { findingAt, isCode, nameOf, nodesOf, parse, type Rule } from './source.ts'

const topLevel = [
  'src',
  'migrations',
  'protocol',
  'test',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'Dockerfile',
  'compose.yaml',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
]

/** The visible top level is fixed; what hides behind a dot, and what npm installs, is not part of it. */
export function judgeTopLevel(entries: readonly string[]): string[] {
  const visible = entries.filter(name => !name.startsWith('.') && name !== 'node_modules')
  return [
    ...visible
      .filter(name => !topLevel.includes(name))
      .map(name => `${name}:1 does not belong to the top level`),
    ...topLevel.filter(name => !visible.includes(name)).map(name => `${name}:1 is missing at the top level`),
  ]
}

const errands = /^(utils?|helpers?|common|services?|shared|misc|lib|managers?)$/
const excepted = [/^test\/helpers\//, /^src\/platform\/embedded\/services\.ts$/]

export const partsLiveWithTheirNoun: Rule = tree =>
  tree
    .filter(({ path }) => !excepted.some(exception => exception.test(path)))
    .flatMap(({ path }) => {
      const drawer = path.split('/').find(part => errands.test(part.replace(/(\.test)?\.\w+$/, '')))
      return drawer === undefined ? [] : [`${path}:1 "${drawer}" holds anything (name it by its noun)`]
    })

export const filesAreKebabCase: Rule = tree =>
  tree
    .filter(({ path }) => !path.endsWith('.md') && !path.startsWith('migrations/'))
    .filter(({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.\w+$/.test(nameOf(path)))
    .map(({ path }) => `${path}:1 is not kebab-case`)

export const migrationsAreNumbered: Rule = tree => {
  const names = tree
    .map(({ path }) => path)
    .filter(path => path.startsWith('migrations/') && path.endsWith('.sql'))
  return names.sort().flatMap((path, i) => {
    const number = /^migrations\/(\d{4})_[a-z0-9_]+\.sql$/.exec(path)?.[1]
    return Number(number) === i + 1 ? [] : [`${path}:1 is not number ${i + 1}, NNNN_name.sql without gaps`]
  })
}

/** "Service" is a word of the game: the player's errand, always a service request. */
export const serviceIsAnErrand: Rule = tree =>
  tree
    .filter(isCode)
    .flatMap(source => nodesOf(parse(source)))
    .filter(
      node =>
        ts.isIdentifier(node) && /Service(?!s?Requests?)s?$|Service(?!Request)(?=[A-Z])/.test(node.text),
    )
    .filter(node => !/^src\/platform\/embedded\/|^test\/helpers\//.test(node.getSourceFile().fileName))
    .filter(node => 'name' in node.parent && node.parent.name === node)
    .filter(node => ts.isClassDeclaration(node.parent) || ts.isTypeAliasDeclaration(node.parent))
    .map(node => findingAt(node, `${node.getText()} ("service" is only the player's service request)`))

/** Codes that are refused exist, and codes that are documented are refused somewhere. */
export const createErrorCodeRule =
  (codes: readonly string[]): Rule =>
  tree => {
    const nodes = tree
      .filter(source => isCode(source) && source.path.startsWith('src/'))
      .flatMap(source => nodesOf(parse(source)))
    const literals = nodes.filter(ts.isStringLiteralLike).filter(node => !ts.isLiteralTypeNode(node.parent))
    const said = new Set(literals.map(({ text }) => text))
    const unknown = literals.filter(node => isRefused(node) && !codes.includes(node.text))
    return [
      ...unknown.map(node => findingAt(node, `refuses ${node.text}, which protocol/errors.ts does not list`)),
      ...codes
        .filter(code => !said.has(code))
        .map(code => `protocol/errors.ts:1 documents ${code}, which nothing in src answers`),
    ]
  }

const isRefused = ({ parent }: ts.StringLiteralLike): boolean =>
  ts.isCallExpression(parent) && parent.expression.getText() === 'refuse'
