/** Lists: what one hid, and who won what. Winners are pseudonyms, to the hider as to everyone. */
import type { Static } from 'typebox'
import {
  type Envelope as EnvelopeAnswer,
  type EnvelopeWin,
  listEnvelopeClaims,
  listOwnEnvelopes as listOwnOperation,
} from '#protocol/rest/envelopes.ts'
import type { Clock } from '#platform/clock.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import { pseudonymOf } from './audience.ts'
import { type FindPorts, findVisible, type Found } from './get.ts'
import type { EnvelopeRecord, Win } from './ports.ts'
import { isEnded } from './state.ts'
import { toMoney, toTimestamp, viewEnvelope } from './view.ts'

type Query = { limit?: string; cursor?: string }
type Listed<I> = { status: 200; body: ReturnType<typeof toPage<unknown, I>> } | Refusal
type WinAnswer = Static<typeof EnvelopeWin>

export type ListOwnPorts = { tx: Tx; record: Pick<EnvelopeRecord, 'listOwn'>; clock: Clock }

/** The caller's envelopes, newest first. */
export async function listOwnEnvelopes(
  { tx, record, clock }: ListOwnPorts,
  { caller, query }: { caller: PlayerCaller | MerchantCaller; query: Query },
): Promise<Listed<EnvelopeAnswer>> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  const envelopes = await record.listOwn(tx, caller, page)
  const nowMs = clock.nowMs()
  const body = toPage(
    envelopes,
    { path: listOwnOperation.path, limit: page.limit },
    {
      item: envelope => viewEnvelope(envelope, { kind: 'hider' }, nowMs),
      key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
    },
  )
  return { status: 200, body }
}

export type ListWinsPorts = FindPorts & {
  record: Pick<EnvelopeRecord, 'listWins'>
  clock: Clock
  settings: { hmacSecret: string }
}

/** The wins of an envelope, oldest first: for the hider at any time, for others once it ended. */
export async function listWins(
  ports: ListWinsPorts,
  { caller, id, query }: { caller: PlayerCaller | MerchantCaller; id: string; query: Query },
): Promise<Listed<WinAnswer>> {
  const page = readPage(query)
  if (page.status === 'refused') return page
  const found = await findVisible(ports, { caller, id, nowMs: ports.clock.nowMs() })
  if (found === undefined) return refuse('not_found')
  const { envelope, isHider } = found
  if (!isHider && !isEnded(envelope.state)) return refuse('not_found')
  const wins = await ports.record.listWins(ports.tx, id, page)
  const body = toPage(
    wins,
    { path: listEnvelopeClaims.path.replace('{id}', id), limit: page.limit },
    {
      item: win => viewWin(win, found, ports.settings.hmacSecret),
      key: ({ claimedAtMs, claimId }) => ({ atMs: claimedAtMs, id: claimId }),
    },
  )
  return { status: 200, body }
}

/** Thanks are for the hider, and nobody else has checked what they say. */
const viewWin = (win: Win, { envelope, isHider }: Found, hmacSecret: string): WinAnswer => ({
  claimId: win.claimId,
  winner: pseudonymOf(hmacSecret, { envelopeId: envelope.id, hider: envelope.hider, playerId: win.playerId }),
  ...(win.amountMinor !== null && { amount: toMoney(win.amountMinor, win.currency) }),
  bestLuck: win.isLargest && envelope.split === 'lucky' && isEnded(envelope.state),
  claimedAt: toTimestamp(win.claimedAtMs),
  ...(isHider && win.thanks !== undefined && { thanks: win.thanks }),
})
