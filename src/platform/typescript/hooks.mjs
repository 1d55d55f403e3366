/** Module hooks (https://nodejs.org/api/module.html#hooks), on the thread that Node gives them. See register.mjs. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { stop, transform } from 'esbuild'

/** esbuild is a process of its own; who loads nothing more does not need it. */
const IDLE_MS = 1_000
let underWay = 0
let stopping

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context)
  const file = fileURLToPath(url)
  underWay++
  clearTimeout(stopping)
  try {
    const { code } = await transform(await readFile(file, 'utf8'), {
      ...{ loader: 'ts', format: 'esm', target: `node${process.versions.node}` },
      ...{ sourcefile: file, sourcemap: 'inline', sourcesContent: false },
    })
    return { format: 'module', source: code, shortCircuit: true }
  } finally {
    if (--underWay === 0) stopping = setTimeout(stop, IDLE_MS).unref()
  }
}
