/** What `npm run prove` prints: a heading that says on what it was, and a line for each promise, with its verdict. */

export type PromiseName = 'money' | 'secrecy' | 'fairness' | 'speed'

/** `could not run` is no verdict on the promise, and no proof either. */
export type Verdict = {
  name: PromiseName
  status: 'holds' | 'broken' | 'could not run'
  said: string
  tookMs: number
}

/** What one part found. */
export type Found = { holds: boolean; said: string }

export type Heading = {
  seed: number
  machine: Readonly<Record<string, string>>
  stores: string
  tookMs: number
}

const marks = { holds: 'HOLDS', broken: 'BROKEN', 'could not run': 'COULD NOT RUN' } as const

export function formatHeading({ seed, machine, stores, tookMs }: Heading): string {
  const { cpu, memory, system, load, node, commit } = machine
  const parts = [cpu, memory, system, `load ${load}`, `Node ${node}`, stores, `commit ${commit}`]
  return `hexbao, seed ${seed}, in ${Math.round(tookMs / 1_000)} s: ${parts.join('; ')}`
}

/** One line, whatever was said. */
export const formatVerdict = ({ name, status, said }: Verdict): string =>
  `${name.padEnd(9)} ${marks[status].padEnd(6)} ${said.replaceAll(/\s+/g, ' ').trim()}`

/** 0: all hold, 1: one does not, 2: one could not be tried. */
export function exitCodeOf(verdicts: readonly Pick<Verdict, 'status'>[]): 0 | 1 | 2 {
  if (verdicts.some(({ status }) => status === 'could not run')) return 2
  return verdicts.length > 0 && verdicts.every(({ status }) => status === 'holds') ? 0 : 1
}

/** Runs a part; what it throws is its verdict, and the next part runs all the same. */
export async function reach(
  name: PromiseName,
  part: () => Promise<Found>,
): Promise<Verdict & { error?: Error }> {
  const startMs = performance.now()
  const took = () => performance.now() - startMs
  try {
    const { holds, said } = await part()
    return { name, status: holds ? 'holds' : 'broken', said, tookMs: took() }
  } catch (error) {
    return {
      name,
      status: 'could not run',
      said: (error as Error).message,
      tookMs: took(),
      error: error as Error,
    }
  }
}
