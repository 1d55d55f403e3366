/**
 * Who is next, where some wait for what may take days (an envelope that the operator froze) and the others must not
 * wait for them: a few at a time, round and round. Each server remembers by itself where it is.
 */

/** Those behind `after`, and from the beginning again. */
type List = (limit: number, after: string | undefined) => Promise<string[]>

export type NextIds = () => Promise<string[]>

const atOnce = 20

export function takeTurns(list: List): NextIds {
  let last: string | undefined
  return async () => {
    const ids = await list(atOnce, last)
    last = ids.at(-1)
    return ids
  }
}
