/** Lua and SQL: one script a file, opening with its contract, used by the module beside it. */
import ts from 'typescript'
import { folderOf, isCode, nameOf, nodesOf, parse, type Rule, type Source } from './source.ts'

const longestScript = 60

/** The opening comment by its parts: what and why, then KEYS, ARGV or Params, then Returns. */
function readHeader(text: string): { comment: string[]; body: string[]; parts: Map<string, string> } {
  const lines = text.replace(/^#!lua[^\n]*\n/, '').split('\n')
  const end = lines.findIndex(line => !line.startsWith('--'))
  const comment = lines.slice(0, end === -1 ? lines.length : end)
  const parts = new Map<string, string>()
  let part = 'What'
  for (const line of comment) {
    const [, name, rest] = /^-- (KEYS|ARGV|Params|Returns):(.*)$/.exec(line) ?? [
      undefined,
      undefined,
      line.slice(2),
    ]
    part = name ?? part
    parts.set(part, `${parts.get(part) ?? ''} ${rest?.trim()}`.trim())
  }
  return { comment, body: lines.slice(comment.length), parts }
}

export const luaStatesItsContract: Rule = tree =>
  tree
    .filter(({ path }) => path.endsWith('.lua'))
    .flatMap(source => judgeLua(source).map(message => `${source.path}:1 ${message}`))

function judgeLua({ text }: Source): string[] {
  const { body, parts } = readHeader(text)
  const code = body.map(line => line.replace(/--.*$/, ''))
  const findings: string[] = []
  const lines = text.trimEnd().split('\n').length
  if (lines > longestScript)
    findings.push(`${lines} lines, at most ${longestScript} (two scripts, or fewer steps)`)
  if (!text.startsWith('#!lua')) findings.push('does not open with #!lua')
  if (!parts.get('What')) findings.push('does not say what it does and why')
  for (const part of ['KEYS', 'ARGV', 'Returns']) {
    if (!parts.get(part))
      findings.push(`its opening comment lacks "-- ${part}:" (write none if there are none)`)
  }
  if (/\bwhile\s+true\b|\brepeat\b/.test(withoutStrings(code.join('\n')))) {
    findings.push('an unbounded loop (count to a bound that the arguments give)')
  }
  for (const table of ['KEYS', 'ARGV'] as const)
    findings.push(...judgeBindings(table, parts.get(table) ?? '', code))
  return findings
}

const withoutStrings = (code: string): string => code.replace(/'[^'\n]*'|"[^"\n]*"/g, "''")

/** The names of a header's fixed part: what stands before "per …", an item each, `;` or else `,` between them. */
function fixedItems(part: string): string[] {
  if (/^(none|-)?$/.test(part)) return []
  const flat = part.replace(/\([^)]*\)|"[^"]*"/g, match => match.replace(/[,;]/g, ' '))
  const [fixed = ''] = flat.split(/\b(?:then )?per\b/)
  return fixed
    .split(fixed.includes(';') ? ';' : ',')
    .map(item => item.trim())
    .filter(item => item !== '' && item !== 'then')
}

/** The first lines bind what the header names, in its order; the rest of the script uses the names. */
function judgeBindings(table: 'KEYS' | 'ARGV', part: string, code: string[]): string[] {
  const items = fixedItems(part)
  const first = code.findIndex(line => line.trim() !== '')
  const rest = code
    .slice(first)
    .findIndex(line => !/^local .*=.*(KEYS|ARGV)\[|^\s+.*(KEYS|ARGV)\[\d/.test(line))
  const opening = code.slice(first, rest === -1 ? undefined : first + rest).join('\n')
  const bound = readBindings(table, opening)
  const findings = items.flatMap((item, i) => {
    const name = bound.get(i + 1)
    if (name === undefined) return [`${table}[${i + 1}] (${item}) is not bound to a local in the first lines`]
    const isNamedAlike = name.split('_').every(word => new RegExp(`(^|[^a-z])${word}`, 'i').test(item))
    return isNamedAlike
      ? []
      : [`${table}[${i + 1}] is "${item}" in the header and ${name} in the script (one name)`]
  })
  for (const [index, name] of bound) {
    if (index > items.length && !/\bper\b/.test(part))
      findings.push(`${table}[${index}] (${name}) is not in the header`)
  }
  const later = code.slice(first).join('\n').replace(opening, '')
  const loose = new RegExp(`\\b${table}\\[\\d+\\]`).exec(later)
  if (loose !== null) findings.push(`${loose[0]} is used below the first lines (bind it to a local there)`)
  return findings
}

/** Which local each literal index is bound to: `local a, b = KEYS[1], tonumber(ARGV[2])`. */
function readBindings(table: 'KEYS' | 'ARGV', opening: string): Map<number, string> {
  const bound = new Map<number, string>()
  for (const [, names = '', values = ''] of opening.matchAll(/local ([\w,\s]+?)\s*=\s*((?:[^\n]|\n\s)*)/g)) {
    const locals = names.split(',').map(name => name.trim())
    splitValues(values).forEach((value, i) => {
      const index = new RegExp(`\\b${table}\\[(\\d+)\\]`).exec(value)?.[1]
      const name = locals[i]
      if (index !== undefined && name !== undefined) bound.set(Number(index), name)
    })
  }
  return bound
}

/** Splits at the commas outside brackets. */
function splitValues(values: string): string[] {
  let depth = 0
  const parts = ['']
  for (const character of values) {
    if ('([{'.includes(character)) depth++
    if (')]}'.includes(character)) depth--
    if (character === ',' && depth === 0) parts.push('')
    else parts.push(`${parts.pop() ?? ''}${character}`)
  }
  return parts
}

const isStatement = ({ path }: Source): boolean => /\/sql\/[^/]+\.sql$/.test(path)

export const sqlStatesItsContract: Rule = tree =>
  tree.filter(isStatement).flatMap(source => judgeSql(source).map(message => `${source.path}:1 ${message}`))

function judgeSql({ text }: Source): string[] {
  const { body, parts } = readHeader(text)
  const findings: string[] = []
  if (!parts.get('What')) findings.push('does not open with a comment that says what and why')
  for (const part of ['Params', 'Returns']) {
    if (!parts.get(part))
      findings.push(`its opening comment lacks "-- ${part}:" (write none if there are none)`)
  }
  const code = withoutStrings(body.map(line => line.replace(/--.*$/, '')).join('\n'))
  const statements = code.split(';').filter(statement => statement.trim() !== '').length
  if (statements !== 1) findings.push(`holds ${statements} statements (one a file)`)
  const [promised, used] = [parts.get('Params') ?? '', code].map(listParameters)
  if (promised !== used)
    findings.push(`its header names ${promised || 'no parameters'}, the statement ${used || 'none'}`)
  return findings
}

const listParameters = (text: string): string =>
  [...new Set(text.match(/\$\d+/g))].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))).join(' ')

/** A script that nobody loads is dead, and one that is not there fails at start. */
export const scriptsAreLoadedBesides: Rule = tree => {
  const scripts = new Set(
    tree.map(({ path }) => path).filter(path => /\/(lua|sql)\/[^/]+\.(lua|sql)$/.test(path)),
  )
  const loaded = new Map<string, string>()
  const named = new Set<string>()
  for (const source of tree.filter(source => isCode(source) && source.path.startsWith('src/'))) {
    for (const node of nodesOf(parse(source))) {
      if (ts.isStringLiteralLike(node)) named.add(`${folderOf(source.path)}/${node.text}`)
      if (!ts.isCallExpression(node)) continue
      for (const path of loadsOf(node, folderOf(source.path))) loaded.set(path, source.path)
    }
  }
  const dead = [...scripts].filter(
    path => !named.has(`${folderOf(folderOf(path))}/${nameOf(path).split('.')[0]}`),
  )
  const missing = [...loaded].filter(([path]) => !scripts.has(path))
  return [
    ...dead.map(path => `${path}:1 no module beside it loads it (delete it)`),
    ...missing.map(([path, by]) => `${by}:1 loads ${path}, which does not exist`),
  ]
}

/** `loadStatements(import.meta.url, ['a', 'b'])` and `loadScript(import.meta.url, 'a')`. */
function loadsOf(call: ts.CallExpression, folder: string): string[] {
  const [, names] = call.arguments
  const texts =
    names === undefined
      ? []
      : nodesOf(names)
          .filter(ts.isStringLiteralLike)
          .map(({ text }) => text)
  switch (call.expression.getText()) {
    case 'loadStatements':
      return texts.map(text => `${folder}/sql/${text}.sql`)
    case 'loadScript':
      return texts.map(text => `${folder}/lua/${text}.lua`)
    default:
      return []
  }
}
