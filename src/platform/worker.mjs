/** Where a worker starts: Node runs no .ts in a thread of its own before it is told how. See workers.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import './typescript/register.mjs'

const { runTask } = await import(workerData)
parentPort.on('message', async task => {
  try {
    parentPort.postMessage({ result: await runTask(task) })
  } catch (error) {
    parentPort.postMessage({ error })
  }
})
