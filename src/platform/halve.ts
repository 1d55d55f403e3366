/**
 * A batch in which one row is bad fails as a whole. Halving it until the bad rows are alone costs a few more tries, in
 * the rare case only, and everybody else in the batch gets through.
 */
export type Halving<I, O> = {
  /** The whole batch, in one transaction. */
  run: (items: readonly I[]) => Promise<O[]>
  /** Whether it failed for what a row is; every other fault is thrown. */
  isBad: (error: unknown) => boolean
  /** What becomes of an item that fails by itself. */
  alone: (item: I, fault: Error) => O | Promise<O>
}

export async function halve<I, O>(items: readonly I[], halving: Halving<I, O>): Promise<O[]> {
  try {
    return await halving.run(items)
  } catch (error) {
    if (!halving.isBad(error)) throw error
    const [first] = items
    if (first !== undefined && items.length === 1) return [await halving.alone(first, error as Error)]
    const middle = Math.ceil(items.length / 2)
    const left = await halve(items.slice(0, middle), halving)
    return [...left, ...(await halve(items.slice(middle), halving))]
  }
}
