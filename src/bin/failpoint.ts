/**
 * `FAILPOINT=after-reserve` kills this process, as `kill -9` does, when it gets there; `after-reserve:7` at the seventh
 * time. For tests of what a dead server leaves; production refuses to start with it.
 */
import { type Failpoint, failpoints, passBy, type Reach } from '../claims/failpoints.ts'

export function readFailpoint(spec: string | undefined, { isSandbox }: { isSandbox: boolean }): Reach {
  if (spec === undefined || spec === '') return passBy
  if (!isSandbox)
    throw new Error('FAILPOINT is for tests: it kills the server, and production has no use for it')
  const [name = '', count = '1'] = spec.split(':')
  if (!isFailpoint(name) || !/^[1-9]\d{0,8}$/.test(count)) {
    throw new Error(`FAILPOINT is one of ${failpoints.join(', ')}, and optionally :n`)
  }
  let left = Number(count)
  return point => {
    if (point === name && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}

const isFailpoint = (name: string): name is Failpoint => (failpoints as readonly string[]).includes(name)
