/**
 * The claim verb: the way to the envelope (`approach.ts`), the reservation, the record. Whoever won hears the same win,
 * wherever they stand.
 */
import { refuse } from '#platform/problem.ts'
import type { Waits } from '#platform/waits.ts'
import type { Cell } from '../geo/cell.ts'
import type { Walker } from '../positions/judging.ts'
import type { Positions } from '../positions/positions.ts'
import {
  answerEnd,
  approachEnvelope,
  type ApproachPorts,
  findOwn,
  hasWonAll,
  type Request,
  type Told,
} from './approach.ts'
import type { Reach } from './failpoints.ts'
import type { Grabbed, Grabs } from './grab.ts'
import { shareWork } from './memory.ts'
import type { Claim, ClaimableEnvelope } from './record.ts'
import type { Settled } from './settle.ts'

export type ClaimRequest = Request

export type ClaimAnswer = Told | { status: 'pending'; claimId: string; envelopeId: string }

export type ClaimPorts = ApproachPorts & {
  grabs: Pick<Grabs, 'grab' | 'lose' | 'isSpokenFor'>
  positions: Pick<Positions, 'enter' | 'admit' | 'leave' | 'reward'>
  /** A win was recorded after its claim had been answered "pending". */
  onLateWin: (claim: Claim) => void
  /** Work that no answer waits for, only a shutdown; `what` names it where it fails. */
  inBackground: (work: Promise<unknown>, what: string) => void
  reach: Reach
}

export type ClaimVerb = (player: Walker, request: ClaimRequest) => Promise<ClaimAnswer>

type Context = ClaimPorts & { grabbing: Map<string, Promise<Grabbed>> }

export function createClaim(ports: ClaimPorts): ClaimVerb {
  const grabbing = new Map<string, Promise<Grabbed>>()
  // Whose own grab is under way hears what becomes of that.
  const isSpokenFor = (envelope: ClaimableEnvelope, { id }: Walker) =>
    ports.grabs.isSpokenFor(envelope) && !grabbing.has(keyOf(envelope.id, id))
  const context: Context = { ...ports, grabbing, isSpokenFor }
  return async (player, request) => {
    ports.reach('after-auth')
    const answer = await claim(context, player, request)
    ports.reach('before-reply')
    return answer
  }
}

/** Every share is cash, and not for those who are under age; a win from before stays theirs. */
async function claim(context: Context, player: Walker, request: ClaimRequest): Promise<ClaimAnswer> {
  if (player.isMinor === true) {
    return (await findOwn(context, request.envelopeId, player)) ?? refuse('minors_mode', { reason: 'cash' })
  }
  // What is asked on the way can only end in the same win.
  const own = context.memory.win(request.envelopeId, player.id)
  if (own !== undefined) return { status: 'claimed', claim: own }
  const approached = await approachEnvelope(context, player, { request, purpose: 'claim' })
  if (approached.status !== 'within_reach') return approached
  const { envelope, cell, mayReserve } = approached
  if (!mayReserve) return lose(context, player, { envelope, waits: request.waits })
  // A ticket's reward is noted where it lets the player in.
  const rewardCell = request.ticket === undefined ? cell : undefined
  return goOn(context, player, { envelope, rewardCell, waits: request.waits })
}

/** What to reach for, and where the player is rewarded, unless that is noted already. */
type Chance = { envelope: ClaimableEnvelope; rewardCell: Cell | undefined; waits: Waits | undefined }

const keyOf = (envelopeId: string, playerId: string): string => `${envelopeId}:${playerId}`

/** Equal calls that are under way together are one grab; only the one that began it has used its permit. */
async function goOn(
  context: Context,
  player: Walker,
  { envelope, rewardCell, waits }: Chance,
): Promise<ClaimAnswer> {
  const { grabbing, grabs, inBackground } = context
  const key = keyOf(envelope.id, player.id)
  const isFirst = !grabbing.has(key)
  const grabbed = await keepPermit(context, player, {
    work: shareWork(grabbing, key, async () =>
      (await hasWonAll(context, player, envelope))
        ? refuse('player_limit')
        : grabs.grab(player, envelope, waits),
    ),
    isFirst,
  })
  if (isFirst && grabbed.status === 'pending') followUp(context, player, { rewardCell, ...grabbed })
  // The win stands whatever becomes of the note: a cool-down may be missed, not the money.
  if (isFirst && grabbed.status === 'claimed' && grabbed.isNew)
    inBackground(noteReward(context, player, rewardCell), 'a reward was not noted')
  return answerGrabbed(context, player, envelope.id, grabbed)
}

/** Nothing is left to reserve; what was reserved before is theirs. */
async function lose(context: Context, player: Walker, { envelope, waits }: Omit<Chance, 'rewardCell'>) {
  const grabbed = await context.grabs.lose(player, envelope, waits)
  if (grabbed.status === 'pending') followUp(context, player, { rewardCell: undefined, ...grabbed })
  return answerGrabbed(context, player, envelope.id, grabbed)
}

/** The answer to a grab that has ended, one way or the other. */
async function answerGrabbed(
  context: Context,
  player: Walker,
  envelopeId: string,
  grabbed: Grabbed,
): Promise<ClaimAnswer> {
  switch (grabbed.status) {
    case 'claimed':
      return { status: 'claimed', claim: grabbed.claim }
    case 'pending':
      return { status: 'pending', claimId: grabbed.claimId, envelopeId }
    case 'ended':
      return answerEnd(await context.memory.rememberEnd(envelopeId, grabbed.reason), player)
    case 'refused':
      // Neither hides a win: the client asks again, and nobody is sent to the record for it.
      if (grabbed.code === 'try_again' || grabbed.code === 'unavailable') return grabbed
      return (await findOwn(context, envelopeId, player)) ?? grabbed
  }
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

const noteReward = async ({ positions }: Context, player: Walker, cell: Cell | undefined): Promise<void> =>
  cell && positions.reward(player, cell)

type Late = { rewardCell: Cell | undefined; outcome: Promise<Settled>; isNew: boolean }

/** A win that is recorded after its claim was answered "pending": the player hears of it, the reward is noted. */
function followUp(context: Context, player: Walker, { rewardCell, outcome, isNew }: Late): void {
  const { inBackground, onLateWin } = context
  const work = outcome.then(async settled => {
    if (settled.status !== 'settled' && settled.status !== 'duplicate') return
    onLateWin(settled.claim)
    if (isNew) await noteReward(context, player, rewardCell)
  })
  inBackground(work, 'a pending claim was not settled here')
}
