/**
 * Places between two steps of a claim where a crash leaves something half done. Nothing happens at them, except where
 * a test makes a process die there: what others then find is the protocol's business.
 */
export const failpoints = [
  'after-auth',
  'before-reserve',
  'after-reserve',
  'before-settle',
  'before-commit',
  'after-commit-before-mark',
  'after-mark',
  'before-reply',
  'sweeper-after-commit-before-mark',
  'sweeper-before-cursor',
  'rebuild-between-bump-and-load',
] as const

export type Failpoint = (typeof failpoints)[number]

/** Called on the way past a failpoint; what dies there does not return. */
export type Reach = (point: Failpoint) => void

export const passBy: Reach = () => {}
