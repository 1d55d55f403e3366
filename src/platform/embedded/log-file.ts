/** Log files of child processes: appended to, bounded at each start, and quoted in errors. */
import { type FileHandle, open } from 'node:fs/promises'

const MAX_BYTES = 10 * 1024 * 1024
const TAIL_BYTES = 2_000
const HEAD_BYTES = 64 * 1024

/** Opens for appending, readable by this user only; starts over beyond 10 MB. What follows `startByte` is new. */
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
  return await readSlice(path, size => ({ from: Math.max(startByte, size - TAIL_BYTES), to: size }))
}

/** Has something been logged since `startByte`, among the first 64 KB? */
export async function logHas(path: string, startByte: number, pattern: RegExp): Promise<boolean> {
  const text = await readSlice(path, size => ({
    from: startByte,
    to: Math.min(size, startByte + HEAD_BYTES),
  }))
  return pattern.test(text)
}

async function readSlice(
  path: string,
  choose: (size: number) => { from: number; to: number },
): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const { from, to } = choose((await handle.stat()).size)
    const buffer = Buffer.alloc(Math.max(0, to - from))
    const { bytesRead } = await handle.read({ buffer, position: from })
    return buffer.subarray(0, bytesRead).toString('utf8').trim()
  } finally {
    await handle.close()
  }
}
