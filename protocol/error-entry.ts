/** What is said of one error of the closed list. */
export type ErrorEntry = {
  status: number
  title: string
  /** What happened and what the client does next, for the error's page. */
  help: string
  /** The closed list of `reason` values, where the code has any. */
  reasons?: readonly string[]
}

export const entry = <const E extends ErrorEntry>(e: E): E => e
