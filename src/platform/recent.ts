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

export const createRecent = <Value>(most: number): Recent<Value> => new RecentValues(most)

class RecentValues<Value> implements Recent<Value> {
  private readonly most: number
  /** Nothing where nothing was added. */
  private values: Set<Value> | undefined

  constructor(most: number) {
    this.most = most
  }

  has(value: Value): boolean {
    return this.values?.has(value) === true
  }

  add(value: Value): void {
    this.values ??= new Set()
    this.values.delete(value)
    this.values.add(value)
    if (this.values.size <= this.most) return
    for (const oldest of this.values) return void this.values.delete(oldest)
  }

  delete(value: Value): void {
    this.values?.delete(value)
  }
}
