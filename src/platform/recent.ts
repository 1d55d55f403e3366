/**
 * The latest `most` of what was added. An LRU cache reserves room for all of them at once, which is right where there
 * is one; here there is one for each socket, and most stay nearly empty.
 */
export type Recent<Value> = {
  has(value: Value): boolean
  /** Forgets the one that was added longest ago where there are too many. */
  add(value: Value): void
  delete(value: Value): void
}

export function createRecent<Value>(most: number): Recent<Value> {
  const values = new Set<Value>()
  return {
    has: value => values.has(value),
    add(value) {
      values.delete(value)
      values.add(value)
      if (values.size <= most) return
      for (const oldest of values) return void values.delete(oldest)
    },
    delete: value => void values.delete(value),
  }
}
