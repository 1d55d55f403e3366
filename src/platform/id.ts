/** Ids are UUIDv7: sorted by time for the indexes, random enough to be unguessable, and never a place or a count. */
import { v7 as uuidV7 } from 'uuid'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export const createId = ({ clock, random }: { clock: Clock; random: Random }): string =>
  uuidV7({ msecs: clock.nowMs(), random: random.bytes(16) })
