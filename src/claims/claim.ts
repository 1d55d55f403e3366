/**
 * The claim verb. The order of what is asked is the contract: what is known to have ended, the position gate (the
 * player alone, then everything about the envelope as one refusal), the reservation, the record. Before a refusal that
 * could hide a win is sent, the player's own claim is looked up: whoever won hears the same win, wherever they stand.
 */
import type { ClaimBody } from '#protocol/rest/claims.ts'
import type { Clock } from '#platform/clock.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { EntryPlace } from '../positions/entry.ts'
import type { Positions, Walker } from '../positions/positions.ts'
import type { Reach } from './failpoints.ts'
import type { Grab, Grabbed } from './grab.ts'
import { type Ended, type Memory, shareWork } from './memory.ts'
import type { Claim, ClaimableEnvelope } from './record.ts'
import { claimIdOf } from './reservation.ts'
import type { Settled } from './settle.ts'

export type ClaimRequest = { envelopeId: string } & ClaimBody

export type ClaimAnswer =
  | { status: 'claimed'; claim: Claim }
  | { status: 'pending'; claimId: string; envelopeId: string }
  | Refusal

export type ClaimPorts = {
  memory: Memory
  grab: Grab
  positions: Pick<Positions, 'enter' | 'leave' | 'reward'>
  /** A budget over the envelope is frozen, as far as this server knows. */
  isStopped: (envelope: ClaimableEnvelope) => boolean
  /** How often the player has won in a campaign that limits it. */
  countWins?: ((pair: { campaignId: string; playerId: string }) => Promise<number>) | undefined
  clock: Clock
  /** Constant-time comparison of a passphrase with the envelope's seal. */
  opensWith: (
    envelope: { id: string; passphraseMac: Buffer | null },
    passphrase: string | undefined,
  ) => boolean
  /** A win was recorded after its claim had been answered "pending". */
  onLateWin: (claim: Claim) => void
  /** Work that no answer waits for, only a shutdown; `what` names it where it fails. */
  inBackground: (work: Promise<unknown>, what: string) => void
  reach: Reach
}

export type ClaimVerb = (player: Walker, request: ClaimRequest) => Promise<ClaimAnswer>

type Context = ClaimPorts & { grabbing: Map<string, Promise<Grabbed>> }

export function createClaim(ports: ClaimPorts): ClaimVerb {
  const context: Context = { ...ports, grabbing: new Map() }
  return async (player, request) => {
    ports.reach('after-auth')
    const answer = await claim(context, player, request)
    ports.reach('before-reply')
    return answer
  }
}

async function claim(context: Context, player: Walker, request: ClaimRequest): Promise<ClaimAnswer> {
  const { memory, positions } = context
  const { envelopeId, fix } = request
  const ended = memory.ended(envelopeId)
  if (ended !== undefined) return answerEnd(ended, player)

  const envelope = await findEnvelope(context, envelopeId)
  if (envelope?.hiderId === player.id) return refuse('own_envelope')
  // Asked once: the permit that the gate takes belongs to what follows from it.
  const isStopped = envelope !== undefined && context.isStopped(envelope)
  const { passphrase } = request
  const place = envelope && placeFor(context, envelope, { player, passphrase, isStopped })
  const entry = await positions.enter(player, envelopeId, fix, place)
  if (isRefusal(entry)) return (await findOwn(context, envelopeId, player)) ?? entry
  if (envelope === undefined) return refuse('out_of_reach')

  switch (envelope.state) {
    case 'live':
      if (isStopped) return (await findOwn(context, envelopeId, player)) ?? refuse('frozen')
      return goOn(context, player, { request, envelope })
    case 'empty':
    case 'expired':
    case 'closed':
      return answerEnd(await memory.rememberEnd(envelopeId, envelope.state), player)
    default:
      return (await findOwn(context, envelopeId, player)) ?? refuse('frozen')
  }
}

/** The remembered row, but one whose opening was still to come is read again once that moment has passed. */
async function findEnvelope({ memory, clock }: Context, id: string): Promise<ClaimableEnvelope | undefined> {
  const known = await memory.envelope(id)
  const hasOpenedSince = known?.state === 'funded' && known.opensAtMs <= clock.nowMs()
  return hasOpenedSince ? memory.refresh(id) : known
}

/** Everything about the envelope that decides whether this player may enter. */
function placeFor(
  { clock, opensWith }: Context,
  envelope: ClaimableEnvelope,
  { player, passphrase, isStopped }: { player: Walker; passphrase: string | undefined; isStopped: boolean },
): EntryPlace {
  const { cell12, claimRadiusM, state, opensAtMs } = envelope
  const isOpen = state !== 'draft' && state !== 'funded' && opensAtMs <= clock.nowMs()
  const isInvited = {
    anyone: () => true,
    players: () => envelope.guestIds.includes(player.id),
    passphrase: () => opensWith(envelope, passphrase),
  }[envelope.audience]()
  return { cell12, claimRadiusM, isOpenToPlayer: isOpen && isInvited, isLive: state === 'live' && !isStopped }
}

/** Equal calls that are under way together are one grab; only the one that began it has used its permit. */
async function goOn(
  context: Context,
  player: Walker,
  { request: { envelopeId, fix }, envelope }: { request: ClaimRequest; envelope: ClaimableEnvelope },
): Promise<ClaimAnswer> {
  const { grabbing, memory, positions, inBackground } = context
  const key = claimIdOf(envelopeId, player.id)
  const isFirst = !grabbing.has(key)
  const grabbed = await keepPermit(context, player, {
    work: shareWork(grabbing, key, async () =>
      (await hasWonAll(context, player, envelope)) ? refuse('player_limit') : context.grab(player, envelope),
    ),
    isFirst,
  })
  switch (grabbed.status) {
    case 'claimed':
      // The win stands whatever becomes of the note: a cool-down may be missed, not the money.
      if (grabbed.isNew && isFirst) inBackground(positions.reward(player, fix), 'a reward was not noted')
      return { status: 'claimed', claim: grabbed.claim }
    case 'pending':
      if (isFirst) followUp(context, player, { fix, ...grabbed })
      return { status: 'pending', claimId: grabbed.claimId, envelopeId }
    case 'ended':
      return answerEnd(await memory.rememberEnd(envelopeId, grabbed.reason), player)
    case 'refused':
      // Neither hides a win: the client asks again, and nobody is sent to the record for it.
      if (grabbed.code === 'try_again' || grabbed.code === 'unavailable') return grabbed
      return (await findOwn(context, envelopeId, player)) ?? grabbed
  }
}

/** Asked before a share is reserved, which would only have to be put back; the settlement decides. */
async function hasWonAll(
  { countWins }: Context,
  { id: playerId }: Walker,
  { campaignId, winsPerPlayer }: ClaimableEnvelope,
): Promise<boolean> {
  if (campaignId === undefined || winsPerPlayer === undefined || countWins === undefined) return false
  return (await countWins({ campaignId, playerId })) >= winsPerPlayer
}

/** The permit stays used for a win that is new or may come; otherwise it is given back, and nobody waits for that. */
async function keepPermit(
  { positions, inBackground }: Context,
  player: Walker,
  { work, isFirst }: { work: Promise<Grabbed>; isFirst: boolean },
): Promise<Grabbed> {
  let isUsed = false
  try {
    const grabbed = await work
    isUsed = isFirst && (grabbed.status === 'pending' || grabbed.status === 'claimed') && grabbed.isNew
    return grabbed
  } finally {
    if (!isUsed) inBackground(positions.leave(player), 'a permit was not given back')
  }
}

type Late = { fix: ClaimRequest['fix']; outcome: Promise<Settled>; isNew: boolean }

/** A win that is recorded after its claim was answered "pending": the player hears of it, the reward is noted. */
function followUp(context: Context, player: Walker, { fix, outcome, isNew }: Late): void {
  const { positions, inBackground, onLateWin } = context
  const work = outcome.then(async settled => {
    if (settled.status !== 'settled' && settled.status !== 'duplicate') return
    onLateWin(settled.claim)
    if (isNew) await positions.reward(player, fix)
  })
  inBackground(work, 'a pending claim was not settled here')
}

async function findOwn(
  { memory }: Context,
  envelopeId: string,
  player: Walker,
): Promise<ClaimAnswer | undefined> {
  const own = await memory.ownClaim(envelopeId, player.id)
  return own && { status: 'claimed', claim: own }
}

function answerEnd({ reason, winners }: Ended, player: Walker): ClaimAnswer {
  const own = winners.get(player.id)
  return own === undefined ? refuse('ended', { reason }) : { status: 'claimed', claim: own }
}
