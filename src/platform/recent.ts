/**
 * The latest `most` of what was added. An LRU cache reserves room for all of them at once, which is right where there
 * is one; here there is one for each socket, and most stay nearly empty: the first few are a list, which is smaller
 * than a set of one, and as fast to look through.
 */
export type Recent<Value> = {
  has(value: Value): boolean
  /** Forgets the one that was added longest ago where there are too many. */
  add(value: Value): void
  delete(value: Value): void
}

export const createRecent = <Value>(most: number): Recent<Value> => new RecentValues(most)

/** The oldest first. */
const LISTED = 8

class RecentValues<Value> implements Recent<Value> {
  private readonly most: number
  /** Nothing where nothing was added. */
  private values: Value[] | Set<Value> | undefined

  constructor(most: number) {
    this.most = most
  }

  has(value: Value): boolean {
    const { values } = this
    return Array.isArray(values) ? values.includes(value) : values?.has(value) === true
  }

  add(value: Value): void {
    if (this.values === undefined) return void (this.values = [value])
    this.delete(value)
    if (Array.isArray(this.values)) {
      // One by one: an array that grows by itself makes room for a dozen more.
      if (this.values.length < Math.min(LISTED, this.most))
        return void (this.values = this.values.concat([value]))
      this.values = new Set(this.values)
    }
    this.values.add(value)
    if (this.values.size <= this.most) return
    for (const oldest of this.values) return void this.values.delete(oldest)
  }

  delete(value: Value): void {
    const { values } = this
    if (!Array.isArray(values)) return void values?.delete(value)
    if (values.includes(value)) this.values = values.filter(other => other !== value)
  }
}
