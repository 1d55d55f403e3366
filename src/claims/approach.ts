/**
 * The way to an envelope, which a claim and a reveal have in common up to the point where a claim reaches for a share.
 * The order of what is asked is the contract: what is known to have ended, the position gate (the player alone, then
 * everything about the envelope as one refusal), the fate of the envelope. Before a refusal that could hide a win is
 * sent, the player's own claim is looked up: whoever won hears the same win, wherever they stand.
 *
 * A claim may bring the ticket of a reveal instead of a fix. It is judged before anything of the envelope, so that a
 * refused one tells nothing, and costs no try, because nothing was asked of a place. What a ticket spares is what the
 * reveal has just judged: plausibility, speed, reach, audience and passphrase. What it does not spare is what holds for
 * every reward: bans, strikes, the permit of the day, and the cool-down from the cell in which the ticket was given.
 */
import assert from 'node:assert/strict'
import type { ClaimBody } from '#protocol/rest/claims.ts'
import type { Awaitable } from '#platform/awaitable.ts'
import type { Clock } from '#platform/clock.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { timed, type Waits } from '#platform/waits.ts'
import type { SiteCode } from '../campaigns/site-code.ts'
import type { Cell } from '../geo/cell.ts'
import type { EntryPlace, EntryVerdict, Permit } from '../positions/entry.ts'
import type { Walker } from '../positions/judging.ts'
import type { Positions } from '../positions/positions.ts'
import type { Ended, Memory } from './memory.ts'
import type { Claim, ClaimableEnvelope } from './record.ts'
import type { Bearer } from './ticket.ts'

/** `waits`: where the time goes is noted, for whoever asks. */
export type Request = { envelopeId: string; waits?: Waits | undefined } & ClaimBody

/** An answer that ends the way: the player's win, or why not. */
export type Told = { status: 'claimed'; claim: Claim } | Refusal

/** `mayReserve`: a permit was taken for it. */
export type Approached =
  | { status: 'within_reach'; envelope: ClaimableEnvelope; cell: Cell; mayReserve: boolean }
  | Told

export type ApproachPorts = {
  memory: Memory
  positions: Pick<Positions, 'enter' | 'admit'>
  /** Every share is reserved, by others: a claim is not for reserving one, and takes no permit. */
  isSpokenFor?: (envelope: ClaimableEnvelope, player: Walker) => boolean
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
  /** The step of an on-site code, if it is one that counts now; compared in constant time. */
  findCodeStep: (site: SiteCode, sent: string) => number | undefined
  /** The cell in which the ticket was given, if it is the bearer's and not over. */
  readTicket: (bearer: Bearer, ticket: string) => Cell | undefined
}

/** A claim takes a permit of the day where it may reserve; a reveal only asks whether there is one. */
export type Purpose = 'claim' | 'reveal'

export async function approachEnvelope(
  ports: ApproachPorts,
  player: Walker,
  { request, purpose }: { request: Request; purpose: Purpose },
): Promise<Approached> {
  const { memory } = ports
  const { envelopeId } = request
  const ended = memory.ended(envelopeId)
  if (ended !== undefined) return answerEnd(ended, player)

  const { waits } = request
  const envelope = await timed(waits, 'pg', findEnvelope(ports, envelopeId))
  if (envelope?.hiderId === player.id) return refuse('own_envelope')
  // Asked once: the permit that the gate takes belongs to what follows from it.
  const isStopped = envelope !== undefined && ports.isStopped(envelope)
  const permit = permitFor(ports, player, { envelope, isStopped, purpose })
  const entry = await timed(waits, 'redis', enter(ports, player, { request, envelope, permit }))
  if (isRefusal(entry)) return (await timed(waits, 'pg', findOwn(ports, envelopeId, player))) ?? entry
  if (envelope === undefined) return refuse('out_of_reach')
  const end = await tellFate(ports, player, { envelope, isStopped })
  return end ?? { status: 'within_reach', envelope, cell: entry.cell, mayReserve: permit === 'taken' }
}

type Wanted = { envelope: ClaimableEnvelope | undefined; isStopped: boolean; purpose: Purpose }

function permitFor(
  { isSpokenFor }: ApproachPorts,
  player: Walker,
  { envelope, isStopped, purpose }: Wanted,
): Permit {
  if (envelope?.state !== 'live' || isStopped) return 'not_needed'
  return purpose === 'claim' && isSpokenFor?.(envelope, player) !== true ? 'taken' : 'asked_for'
}

/** What a player within reach hears of an envelope that gives nothing now, or nothing any more. */
export async function tellFate(
  ports: Pick<ApproachPorts, 'memory'>,
  player: Walker,
  { envelope: { id, state }, isStopped }: { envelope: ClaimableEnvelope; isStopped: boolean },
): Promise<Told | undefined> {
  switch (state) {
    case 'empty':
    case 'expired':
    case 'closed':
      return answerEnd(await ports.memory.rememberEnd(id, state), player)
    case 'live':
      if (!isStopped) return undefined
      break
    default:
  }
  return (await findOwn(ports, id, player)) ?? refuse('frozen')
}

/** The remembered row, but one whose opening was still to come is read again once that moment has passed. */
function findEnvelope(
  { memory, clock }: ApproachPorts,
  id: string,
): Awaitable<ClaimableEnvelope | undefined> {
  const asOfNow = (row: ClaimableEnvelope | undefined) =>
    row?.state === 'funded' && row.opensAtMs <= clock.nowMs() ? memory.refresh(id) : row
  const known = memory.envelope(id)
  return known instanceof Promise ? known.then(asOfNow) : asOfNow(known)
}

type Entering = { request: Request; envelope: ClaimableEnvelope | undefined; permit: Permit }

function enter(ports: ApproachPorts, player: Walker, entering: Entering): Awaitable<EntryVerdict> {
  const { request, envelope, permit } = entering
  const { envelopeId, fix, ticket, passphrase, code } = request
  if (ticket !== undefined) {
    const { id: playerId, deviceId } = player
    const cell = ports.readTicket({ envelopeId, playerId, deviceId }, ticket)
    return cell === undefined ? refuse('ticket_refused') : ports.positions.admit(player, { cell, permit })
  }
  assert(fix, 'the schema asks for a fix or a ticket')
  const place =
    envelope &&
    ({
      cell12: envelope.cell12,
      claimRadiusM: envelope.claimRadiusM,
      isOpenToPlayer: isOpenTo(ports, envelope, { player, passphrase }),
      permit,
      ...(envelope.code && { code: readCode(ports, envelope.code, code) }),
    } satisfies EntryPlace)
  return ports.positions.enter(player, envelopeId, fix, place, { bringsCode: code !== undefined })
}

function readCode(
  { findCodeStep }: ApproachPorts,
  { campaignId, site }: NonNullable<ClaimableEnvelope['code']>,
  sent: string | undefined,
): NonNullable<EntryPlace['code']> {
  const step = site === undefined || sent === undefined ? undefined : findCodeStep(site, sent)
  return { campaignId, step }
}

function isOpenTo(
  { clock, opensWith }: ApproachPorts,
  envelope: ClaimableEnvelope,
  { player, passphrase }: { player: Walker; passphrase: string | undefined },
): boolean {
  const { state, opensAtMs } = envelope
  const isOpen = state !== 'draft' && state !== 'funded' && opensAtMs <= clock.nowMs()
  return isInvited() && isOpen

  /** Asked in any case: how long it takes says nothing of the opening. */
  function isInvited(): boolean {
    switch (envelope.audience) {
      case 'anyone':
        return true
      case 'players':
        return envelope.guestIds.includes(player.id)
      case 'passphrase':
        return opensWith(envelope, passphrase)
    }
  }
}

/** Asked before a share is reserved, which would only have to be put back; the settlement decides. */
export async function hasWonAll(
  { countWins }: Pick<ApproachPorts, 'countWins'>,
  { id: playerId }: Walker,
  { campaignId, winsPerPlayer }: ClaimableEnvelope,
): Promise<boolean> {
  if (campaignId === undefined || winsPerPlayer === undefined || countWins === undefined) return false
  return (await countWins({ campaignId, playerId })) >= winsPerPlayer
}

export async function findOwn(
  { memory }: Pick<ApproachPorts, 'memory'>,
  envelopeId: string,
  player: Walker,
): Promise<Told | undefined> {
  const own = await memory.ownClaim(envelopeId, player.id)
  return own && { status: 'claimed', claim: own }
}

export function answerEnd({ reason, winners }: Ended, player: Walker): Told {
  const own = winners.get(player.id)
  return own === undefined ? refuse('ended', { reason }) : { status: 'claimed', claim: own }
}
