/** Result of a file operation, or undefined when it failed in one of the ways (`ENOENT`, …) that are no surprise. */
export async function tolerate<T>(codes: readonly string[], operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if (codes.includes(String((error as NodeJS.ErrnoException).code))) return undefined
    throw error
  }
}
