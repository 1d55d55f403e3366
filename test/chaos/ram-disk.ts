/** A disk that can be filled up: a tmpfs of our own, which takes root and Linux. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

export type RamDisk = {
  folder: string
  /** No byte is left, until the function that it returns is awaited. */
  fill(): Promise<() => Promise<void>>
  unmount(): void
}

/** Undefined where it is not allowed: then nothing can fill the disk, and the caller has to say so. */
export async function mountRamDisk(folder: string, mebibytes: number): Promise<RamDisk | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  await mkdir(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  await chmod(folder, 0o711)
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill() {
      const file = await open(ballast, 'w')
      try {
        await writeUntilFull(file, 2 ** 20)
        await writeUntilFull(file, 1)
      } finally {
        await file.close()
      }
      return () => rm(ballast)
    },
    unmount: () => execFileSync('umount', ['-l', folder]),
  }
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>, size: number): Promise<void> {
  const bytes = Buffer.alloc(size)
  for (;;) {
    try {
      await file.write(bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      return
    }
  }
}
