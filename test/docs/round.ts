/** The two ends that a page is played with: one shell for all its commands, and a socket for what is sent over it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { socketPath, subprotocol } from '#protocol/ws/frame.ts'
import { eventually } from '../acceptance/eventually.ts'
import { root } from './page.ts'

/** For the slowest command on a busy machine. */
const withinMs = 40_000

export type Shell = {
  /** What the commands print; throws when bash complains, or does not come to an end. */
  run(commands: string): Promise<string>
  /** The text with the shell's variables in their places. */
  fillIn(text: string): Promise<string>
}

export function openShell(t: Test): Shell {
  const { PATH, HOME } = process.env
  const bash = spawn('bash', ['--noprofile', '--norc'], { cwd: root, env: { PATH, HOME } })
  let [output, faults] = ['', '']
  bash.stdout.on('data', chunk => (output += String(chunk)))
  bash.stderr.on('data', chunk => (faults += String(chunk)))
  t.teardown(async () => {
    bash.stdin.end()
    if (bash.exitCode === null) await once(bash, 'close')
  })
  let turn = 0

  async function run(commands: string): Promise<string> {
    const mark = `--- end of ${++turn} ---`
    const from = output.length
    bash.stdin.write(`${commands}\nprintf '\\n%s\\n' '${mark}'\n`)
    const explain = () => `${commands}\n${output.slice(from)}${faults}`
    await eventually('the commands end', () => output.endsWith(`${mark}\n`) || undefined, {
      withinMs,
      explain,
    })
    if (/command not found|syntax error|Error:/.test(faults)) throw new Error(explain())
    return output.slice(from, -mark.length - 1).trim()
  }

  async function fillIn(text: string): Promise<string> {
    let filled = text
    for (const [variable] of text.matchAll(/\$[A-Z]+/g)) {
      filled = filled.replace(variable, await run(`printf %s "${variable}"`))
    }
    return filled
  }

  return { run, fillIn }
}

export type Frame = { type: string }

export type PlayedSocket = {
  say(json: string): void
  /** The next frames that the server sends, as many as there are of `types`, in the order of `types`. */
  hear(types: readonly string[]): Promise<Frame[]>
}

export async function openSocket(t: Test, url: string): Promise<PlayedSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + socketPath, [subprotocol])
  const heard: Frame[] = []
  socket.on('message', data => heard.push(JSON.parse((data as Buffer).toString('utf8')) as Frame))
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  return {
    say: json => socket.send(json),
    async hear(types) {
      const explain = () => `wanted ${types.join(', ')}, heard ${JSON.stringify(heard)}`
      await eventually('the frames come', () => heard.length >= types.length || undefined, { explain })
      const frames = heard.splice(0, types.length)
      return types.map(type => {
        const at = frames.findIndex(frame => frame.type === type)
        const [frame] = at === -1 ? [] : frames.splice(at, 1)
        return frame ?? { type: `no ${type} came` }
      })
    },
  }
}
