/** Which module names which: the edges that the import rules judge. */
import { posix } from 'node:path'
import ts from 'typescript'
import { folderOf, isCode, lineOf, nodesOf, parse, type Source } from './source.ts'

export type Import = {
  from: string
  line: number
  /** As written. */
  specifier: string
  /** Path of ours, or the name of a package: `pg`, `@fastify/cors`, `node:fs`. */
  target: string
  isOurs: boolean
  /** Erased before the program runs. `import { type X }` is not: it still loads the module. */
  isType: boolean
  names: string[]
}

export const listImports = (tree: readonly Source[]): Import[] => tree.filter(isCode).flatMap(importsOf)

const found = new WeakMap<Source, Import[]>()

function importsOf(source: Source): Import[] {
  const known = found.get(source)
  if (known !== undefined) return known
  const imports = nodesOf(parse(source)).flatMap(node => {
    const specifier = specifierOf(node)
    if (specifier === undefined) return []
    const { target, isOurs } = resolve(source.path, specifier)
    const [isType, names] = [isErased(node), namesOf(node)]
    return [{ from: source.path, line: lineOf(node), specifier, target, isOurs, isType, names }]
  })
  found.set(source, imports)
  return imports
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  return isDynamic ? textOf(node.arguments[0]) : undefined
}

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined

function isErased(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ?? false
  return ts.isExportDeclaration(node) && node.isTypeOnly
}

function namesOf(node: ts.Node): string[] {
  if (!ts.isImportDeclaration(node)) return []
  const bindings = node.importClause?.namedBindings
  if (bindings === undefined || !ts.isNamedImports(bindings)) return []
  return bindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
}

function resolve(from: string, specifier: string): { target: string; isOurs: boolean } {
  if (specifier.startsWith('.')) {
    return { target: posix.normalize(`${folderOf(from)}/${specifier}`), isOurs: true }
  }
  const alias = /^#(protocol|platform)\/(.+)$/.exec(specifier)
  if (alias !== null) {
    return { target: `${alias[1] === 'protocol' ? 'protocol' : 'src/platform'}/${alias[2]}`, isOurs: true }
  }
  const [first = '', second = ''] = specifier.split('/')
  return { target: first.startsWith('@') ? `${first}/${second}` : first, isOurs: false }
}
