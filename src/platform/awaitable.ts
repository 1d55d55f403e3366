/** There at once where nothing has to be asked for: a promise costs a turn that a known answer need not take. */
export type Awaitable<T> = Promise<T> | T
