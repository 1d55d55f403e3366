/** What the load tools read from their command lines. */
import { findDataDir, findSecret } from '../play/command-line.ts'
import { UsageFault } from '../play/usage-fault.ts'

/** The given one, else that of the demo merchant of `npm start`. */
export async function readMerchantKey(given: string | undefined): Promise<string> {
  const key = given ?? (await findSecret('demoMerchantKey'))
  if (key !== undefined) return key
  throw new UsageFault(
    `there is no merchant's key in ${findDataDir()}: start the server with npm start, or pass --key`,
  )
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000 }

/** Milliseconds of `90s` or `2m`. */
export function readSeconds(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([sm])$/.exec(text) ?? []
  const durationMs = Number(count) * (unitsMs[unit ?? ''] ?? Number.NaN)
  if (Number.isFinite(durationMs)) return durationMs
  throw new UsageFault(`--duration is a time like 30s or 2m, not ${text}`)
}
