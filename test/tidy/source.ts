/** The tree as the rules see it: files with their text, and the syntax of those that have one. */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import ts from 'typescript'

/** A file; `path` is relative to the repository and uses slashes. */
export type Source = { readonly path: string; readonly text: string }

/** A rule looks at the whole tree and says what is wrong, one line a finding: `path:line message`. */
export type Rule = (tree: readonly Source[]) => string[]

const folders = ['src', 'protocol', 'test', 'migrations']
const kinds = new Set(['.ts', '.mjs', '.js', '.lua', '.sql', '.sh', '.md'])

export function readTree(root: string): Source[] {
  const read = (folder: string): Source[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
      const path = `${folder}/${entry.name}`
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
      if (entry.isDirectory()) return read(path)
      return kinds.has(extname(path)) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
    })
  return folders.flatMap(read)
}

const parsed = new WeakMap<Source, ts.SourceFile>()

export function parse(source: Source): ts.SourceFile {
  const known = parsed.get(source)
  if (known !== undefined) return known
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2023, true)
  parsed.set(source, file)
  return file
}

export const isCode = ({ path }: Source): boolean => /\.(ts|mjs|js)$/.test(path)
export const isTest = ({ path }: Source): boolean => path.startsWith('test/')
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

const flattened = new WeakMap<ts.Node, readonly ts.Node[]>()

/** The node and everything below it, parents first; remembered, because most rules ask for whole files. */
export function nodesOf(root: ts.Node): readonly ts.Node[] {
  const known = flattened.get(root)
  if (known !== undefined) return known
  const nodes: ts.Node[] = []
  const visit = (node: ts.Node): void => {
    nodes.push(node)
    ts.forEachChild(node, visit)
  }
  visit(root)
  flattened.set(root, nodes)
  return nodes
}

export const lineOf = (node: ts.Node): number => {
  const file = node.getSourceFile()
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
}

export const findingAt = (node: ts.Node, message: string): string =>
  `${node.getSourceFile().fileName}:${lineOf(node)} ${message}`

/** Applies a check to every line of text. */
export const eachLine = (source: Source, check: (line: string) => string | undefined): string[] =>
  source.text.split('\n').flatMap((line, i) => {
    const message = check(line)
    return message === undefined ? [] : [`${source.path}:${i + 1} ${message}`]
  })
