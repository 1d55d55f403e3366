/** What a fault is: it happens, lasts, and ends by itself, and says whether it took place at all. */
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { Rig } from '../rig.ts'

export type Fault = {
  kind: string
  /** How often it is drawn, in relation to the others. */
  weight: number
  /** False where its moment did not come: such a fault is not counted. */
  strike(rig: Rig, dice: Dice): Promise<boolean>
}
