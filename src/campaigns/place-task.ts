/** What a worker runs (`#platform/workers.ts`): the one door to place.ts and to the geometry that takes its time. */
import { placeEnvelopes } from './place.ts'

export const runTask = placeEnvelopes
