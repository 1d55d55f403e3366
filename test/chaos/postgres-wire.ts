/** Just enough of PostgreSQL's protocol to know when a client sends COMMIT. */
import type { Watch } from './fault-proxy.ts'

/**
 * Messages are a letter, a length that counts itself, and a body; only the very first has no letter. The driver sends
 * COMMIT as a simple query and waits for its answer, so whatever comes back next is that answer.
 */
export function watchPostgres(): Watch {
  let rest: Buffer = Buffer.alloc(0)
  let isFirst = true
  let isAwaited = false
  return {
    fromClient(chunk) {
      rest = Buffer.concat([rest, chunk])
      let commits = false
      for (;;) {
        const head = isFirst ? 0 : 1
        if (rest.length < head + 4) break
        const end = head + rest.readInt32BE(head)
        if (rest.length < end) break
        commits ||= !isFirst && rest.toString('latin1', 0, 1) === 'Q' && bodyOf(rest, end) === 'COMMIT'
        isFirst = false
        rest = rest.subarray(end)
      }
      isAwaited ||= commits
      return commits
    },
    fromServer() {
      const isAnswer = isAwaited
      isAwaited = false
      return isAnswer
    },
  }
}

/** Without the zero at its end. */
const bodyOf = (message: Buffer, end: number): string => message.toString('latin1', 5, end - 1)
