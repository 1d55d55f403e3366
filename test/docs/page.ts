/** A page of the documentation as a test reads it: the headings, fenced blocks, tables and links of its Markdown. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block: `info` is what follows the fence, `section` the heading above it. */
export type Block = { info: string; text: string; section: string }

export type Page = {
  path: string
  text: string
  /** The text without its fenced blocks. */
  prose: string
  blocks: readonly Block[]
  headings: readonly string[]
}

export function readPage(path: string): Page {
  const text = readFileSync(`${root}/${path}`, 'utf8')
  const blocks: Block[] = []
  const headings: string[] = []
  const prose: string[] = []
  let fence: { info: string; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const info = /^```(.*)$/.exec(line)?.[1]
    if (fence !== undefined) {
      if (info === undefined) fence.lines.push(line)
      else {
        blocks.push({ info: fence.info, text: fence.lines.join('\n'), section: headings.at(-1) ?? '' })
        fence = undefined
      }
    } else if (info !== undefined) fence = { info, lines: [] }
    else {
      const heading = /^#+ (.+)$/.exec(line)?.[1]
      if (heading !== undefined) headings.push(heading)
      prose.push(line)
    }
  }
  return { path, text, prose: prose.join('\n'), blocks, headings }
}

/** The rows of the table whose first column is called `name`, without the marks of code. */
export function readTable({ prose }: Page, name: string): string[][] {
  const lines = prose.split('\n')
  const head = lines.findIndex(line => line.startsWith(`| ${name} |`))
  const rows = lines.slice(head + 2)
  const end = rows.findIndex(line => !line.startsWith('|'))
  return rows.slice(0, end).map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

/** Where the page points to inside this repository: `path#anchor`, both optional. */
export const listLinks = ({ prose }: Page): string[] =>
  [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !/^\w+:/.test(target))

/** As GitHub names a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
