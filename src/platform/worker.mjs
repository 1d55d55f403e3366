/** Where a worker starts: Node runs no .ts in a thread of its own before tsx is registered there. See workers.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { register } from 'tsx/esm/api'

register()
const { runTask } = await import(workerData)
parentPort.on('message', async task => {
  try {
    parentPort.postMessage({ result: await runTask(task) })
  } catch (error) {
    parentPort.postMessage({ error })
  }
})
