/** A promise that is resolved from outside; Node 20 has no `Promise.withResolvers`. */
export type Deferred<T> = {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function createDeferred<T>(): Deferred<T> {
  let [resolve, reject] = [(_value: T): void => {}, (_error: unknown): void => {}]
  const promise = new Promise<T>((onValue, onError) => ([resolve, reject] = [onValue, onError]))
  return { promise, resolve, reject }
}
