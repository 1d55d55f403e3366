/**
 * What is in use is remembered, the rest fades: two generations of values (as page caches keep them), of which the
 * older goes when the younger has had its time, or is full. So who falls silent costs nothing after twice that time,
 * and a value that is asked for costs a look into a map, not a place in a list of all.
 */
import type { Cancel, Clock } from './clock.ts'

export type Fading<Key, Value> = {
  /** A value that is asked for is young again. */
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): void
  /** Looks at all of them. */
  deleteWhere(isMeant: (value: Value) => boolean): void
}

export type FadingOptions = {
  /** Values of both generations; a full one makes the other fade at once. */
  most: number
  /** Whoever is not asked for fades after once to twice this time. */
  afterMs: number
  clock: Pick<Clock, 'after'>
}

export const createFading = <Key, Value>(options: FadingOptions): Fading<Key, Value> =>
  new Generations(options)

class Generations<Key, Value> implements Fading<Key, Value> {
  private readonly options: FadingOptions
  private young = new Map<Key, Value>()
  private old = new Map<Key, Value>()
  /** While there is anything to fade. */
  private cancel: Cancel | undefined

  constructor(options: FadingOptions) {
    this.options = options
  }

  get(key: Key): Value | undefined {
    const young = this.young.get(key)
    if (young !== undefined) return young
    const old = this.old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    this.young.set(key, value)
    if (2 * this.young.size >= this.options.most) this.age()
    else if (this.cancel === undefined) this.ageLater()
  }

  delete(key: Key): void {
    this.young.delete(key)
    this.old.delete(key)
  }

  deleteWhere(isMeant: (value: Value) => boolean): void {
    for (const generation of [this.young, this.old]) {
      for (const [key, value] of generation) if (isMeant(value)) generation.delete(key)
    }
  }

  private age(): void {
    this.cancel?.()
    this.cancel = undefined
    this.old = this.young
    this.young = new Map()
    if (this.old.size > 0) this.ageLater()
  }

  private ageLater(): void {
    this.cancel = this.options.clock.after(this.options.afterMs, () => this.age())
  }
}
