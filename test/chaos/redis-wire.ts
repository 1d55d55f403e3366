/** Just enough of Redis' protocol to know which answer belongs to a script of the claims. */
import type { Watch } from './fault-proxy.ts'

/** Answers come in the order of the commands; what a subscriber is told belongs to none. */
export function watchRedis(): Watch {
  const commands = createReader()
  const answers = createReader()
  const isScript: boolean[] = []
  return {
    fromClient(chunk) {
      const marks = commands.read(chunk).map(command => claimScript.test(command))
      isScript.push(...marks)
      return marks.includes(true)
    },
    fromServer: chunk =>
      answers
        .read(chunk)
        .map(() => isScript.shift() ?? false)
        .includes(true),
  }
}

/** EVAL or EVALSHA whose first key is a gate's or the outbox's; a text of our scripts holds no such key. */
const claimScript = /^\*\d+\r\n\$\d+\r\neval[\s\S]*?\r\n\d+\r\n\$\d+\r\nhx:[eo]:/i

/** Cuts a stream into whole values. */
function createReader() {
  let rest: Buffer = Buffer.alloc(0)
  return {
    read(chunk: Buffer): string[] {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const values: string[] = []
      let at = 0
      for (let end = endOfValue(rest, at); end !== -1; end = endOfValue(rest, at)) {
        values.push(rest.toString('latin1', at, end))
        at = end
      }
      rest = rest.subarray(at)
      return values
    },
  }
}

/** Where the value that begins at `at` ends; -1 when the rest of it has not come yet. */
export function endOfValue(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at)
  if (line === -1) return -1
  const type = String.fromCharCode(bytes[at] ?? 0)
  const size = Number(bytes.toString('latin1', at + 1, line))
  if ('$=!'.includes(type)) {
    const end = line + 2 + (size < 0 ? 0 : size + 2)
    return end <= bytes.length ? end : -1
  }
  const items = '*~>'.includes(type) ? size : type === '%' ? 2 * size : 0
  let end = line + 2
  for (let i = 0; i < items && end !== -1; i++) end = endOfValue(bytes, end)
  return end
}
