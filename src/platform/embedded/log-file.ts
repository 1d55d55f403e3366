/** Log files of child processes: appended to, bounded at each start, and quoted in errors. */
import { type FileHandle, open } from 'node:fs/promises'

const MAX_BYTES = 10 * 1024 * 1024
const TAIL_BYTES = 2_000

/** Opens for appending, readable by this user only; starts over when it has outgrown 10 MB. `startByte`: what follows is new. */
export async function openLog(path: string): Promise<{ handle: FileHandle; startByte: number }> {
  const handle = await open(path, 'a', 0o600)
  let { size } = await handle.stat()
  if (size > MAX_BYTES) {
    await handle.truncate(0)
    size = 0
  }
  return { handle, startByte: size }
}

/** The last lines written since `startByte`. */
export async function readLogTail(path: string, startByte = 0): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const from = Math.max(startByte, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(Math.max(0, size - from)),
      position: from,
    })
    return buffer.subarray(0, bytesRead).toString('utf8').trim()
  } finally {
    await handle.close()
  }
}
