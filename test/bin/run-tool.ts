/** Runs a command of the project as an operator does: its own process, its own environment. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { asTypeScript } from '../helpers/run-typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type Ran = { code: number; stdout: string; stderr: string }

/** Resolves however it ends; `env` is all that it gets beside the path. */
export function runTool(name: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const argv = [...asTypeScript, `src/bin/${name}.ts`, ...args]
  const options = { cwd: root, env: { PATH: process.env.PATH, ...env } }
  return new Promise(resolve => {
    execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}
