/**
 * One on-site code lets a player in to one envelope: else whoever has seen one would take, from one place, all that a
 * campaign has within reach. The same envelope again is a retry. Codes count for some steps only, so that is how long
 * used ones are remembered.
 */
import { limits } from '#protocol/limits.ts'

export type UsedCode = { campaignId: string; step: number; envelopeId: string }

/** More than anyone uses in the time; it only bounds what is kept. */
const REMEMBERED = 16

/** The codes with this one used; nothing where it was used for another envelope. */
export function useCode(used: readonly UsedCode[] = [], code: UsedCode): readonly UsedCode[] | undefined {
  const known = used.find(({ campaignId, step }) => campaignId === code.campaignId && step === code.step)
  if (known !== undefined) return known.envelopeId === code.envelopeId ? used : undefined
  const oldest = code.step - 2 * limits.code.stepsAround
  return [...used.filter(({ step }) => step >= oldest), code].slice(-REMEMBERED)
}
