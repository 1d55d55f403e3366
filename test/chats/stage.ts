/** Chats and ratings of the service requests of a request stage, over the real record. */
import { randomUUID } from 'node:crypto'
import { createChats } from '../../src/chats/chats.ts'
import { chatRecord } from '../../src/chats/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { getReputation, listRatings } from '../../src/ratings/look.ts'
import { ratingRecord } from '../../src/ratings/postgres.ts'
import { rateOther } from '../../src/ratings/rate.ts'
import { acceptanceRecord } from '../../src/requests/postgres.ts'
import type { createRequestStage } from '../requests/stage.ts'

export function openTalk({ world, ports }: Awaited<ReturnType<typeof createRequestStage>>) {
  const { database, clock } = world
  const { noteAction, announcer } = ports
  const chats = createChats({
    ...{ database, record: chatRecord, requests: acceptanceRecord, noteAction, announcer, clock },
    settings: { hmacSecret: 'h'.repeat(40) },
  })
  const rating = { tx: database, record: ratingRecord, requests: acceptanceRecord, clock }
  return {
    chats,
    say: (caller: PlayerCaller, id: string, text = 'I am at the door', clientId: string = randomUUID()) =>
      chats.send({ caller, id, clientId, text }),
    rate: (caller: PlayerCaller, id: string, stars: number, text?: string) =>
      rateOther(rating, { caller, id, stars, text }),
    listRatings: (caller: PlayerCaller, id: string) => listRatings(rating, { caller, id }),
    reputationOf: (caller: PlayerCaller) => getReputation(rating, { caller }),
  }
}
