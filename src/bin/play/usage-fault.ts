/** What the caller of a command got wrong, an option or a file; the message names it. Commands exit with 2. */
export class UsageFault extends Error {
  override name = 'UsageFault'
}
