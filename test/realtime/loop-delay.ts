/** Loaded into a server's process: how long its event loop was held up from SIGTERM to the end, on standard error. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 5 })
process.once('SIGTERM', () => delay.enable())
process.once('exit', () => {
  process.stderr.write(`event loop of the end: p99 ${Math.round(delay.percentile(99) / 1e6)} ms\n`)
})
