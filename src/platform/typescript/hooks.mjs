/** Module hooks (https://nodejs.org/api/module.html#hooks), on the thread that Node gives them. See register.mjs. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stop, transform, version } from 'esbuild'

/** esbuild is a process of its own; who loads nothing more does not need it. */
const IDLE_MS = 1_000
let underWay = 0
let stopping

/** What a file became before, by its name, its text, and whatever else decides what it becomes. */
const cache = fileURLToPath(new URL('../../../node_modules/.cache/hexbao/', import.meta.url))
const options = {
  ...{ loader: 'ts', format: 'esm', target: `node${process.versions.node}` },
  ...{ sourcemap: 'inline', sourcesContent: false },
}
const manner = JSON.stringify([version, options])

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context)
  const file = fileURLToPath(url)
  const text = readFileSync(file, 'utf8')
  const name = `${cache}${createHash('sha256')
    .update(JSON.stringify([manner, file, text]))
    .digest('hex')}.js`
  const source = recall(name) ?? keep(name, await strip(file, text))
  return { format: 'module', source, shortCircuit: true }
}

async function strip(file, text) {
  underWay++
  clearTimeout(stopping)
  try {
    return (await transform(text, { ...options, sourcefile: file })).code
  } finally {
    if (--underWay === 0) stopping = setTimeout(stop, IDLE_MS).unref()
  }
}

function recall(name) {
  try {
    return readFileSync(name, 'utf8')
  } catch {
    return undefined
  }
}

/** Whole or not at all, as others read it at any moment; where nothing can be written, as in the image, nothing is. */
function keep(name, code) {
  const draft = `${name}.${process.pid}`
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(draft, code)
    renameSync(draft, name)
  } catch {}
  return code
}
