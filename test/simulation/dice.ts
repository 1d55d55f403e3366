/** Seeded randomness (mulberry32): everything that a run leaves to chance is drawn here, so a seed is the whole run. */
export type Dice = {
  /** In [0, 1). */
  fraction(): number
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<V>(from: readonly V[]): V
  /** A uuid, version 7 in form only. */
  uuid(): string
}

export function createDice(seed: number): Dice {
  // Neighbouring seeds begin far apart.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  const draw = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const fraction = () => draw() / 2 ** 32
  const hex = () => draw().toString(16).padStart(8, '0')
  return {
    fraction,
    between: (least, most) => least + Math.floor(fraction() * (most - least + 1)),
    chance: probability => fraction() < probability,
    pick: from => from[Math.floor(fraction() * from.length)] as (typeof from)[number],
    uuid: () => {
      const [a, b, c, d] = [hex(), hex(), hex(), hex()]
      return `${a}-${b.slice(0, 4)}-7${b.slice(5)}-a${c.slice(1, 4)}-${c.slice(4)}${d}`
    },
  }
}
