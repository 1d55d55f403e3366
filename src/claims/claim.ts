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
import type { Grab, Grabbed } from './grab.ts'
import type { Ended, Memory } from './memory.ts'
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
  clock: Clock
  /** Constant-time comparison of a passphrase with the envelope's seal. */
  opensWith: (
    envelope: { id: string; passphraseMac: Buffer | null },
    passphrase: string | undefined,
  ) => boolean
  /** A win was recorded after its claim had been answered "pending". */
  onLateWin: (claim: Claim) => void
  /** Work that no answer waits for has failed. */
  onFault: (error: unknown, what: string) => void
}

export type ClaimVerb = (player: Walker, request: ClaimRequest) => Promise<ClaimAnswer>

export function createClaim(ports: ClaimPorts): ClaimVerb {
  const { memory, positions, clock } = ports
  const grabbing = new Map<string, Promise<Grabbed>>()

  async function claim(player: Walker, request: ClaimRequest): Promise<ClaimAnswer> {
    const { envelopeId, fix } = request
    const ended = memory.ended(envelopeId)
    if (ended !== undefined) return answerEnd(ended, player)

    const envelope = await memory.envelope(envelopeId)
    if (envelope?.hiderId === player.id) return refuse('own_envelope')
    const place = envelope && placeFor(envelope, player, request)
    const entry = await positions.enter(player, envelopeId, fix, place)
    if (isRefusal(entry)) return (await findOwn(envelopeId, player)) ?? entry
    if (envelope === undefined) return refuse('out_of_reach')

    switch (envelope.state) {
      case 'live':
        return goOn(player, request, envelope)
      case 'empty':
      case 'expired':
      case 'closed':
        return answerEnd(await memory.rememberEnd(envelopeId, envelope.state), player)
      default:
        return (await findOwn(envelopeId, player)) ?? refuse('frozen')
    }
  }

  /** Everything about the envelope that decides whether this player may enter. */
  function placeFor(envelope: ClaimableEnvelope, player: Walker, { passphrase }: ClaimRequest): EntryPlace {
    const isOpen =
      envelope.state !== 'draft' && envelope.state !== 'funded' && envelope.opensAtMs <= clock.nowMs()
    const isInvited = {
      anyone: () => true,
      players: () => envelope.guestIds.includes(player.id),
      passphrase: () => ports.opensWith(envelope, passphrase),
    }[envelope.audience]()
    const { cell12, claimRadiusM } = envelope
    return { cell12, claimRadiusM, isOpenToPlayer: isOpen && isInvited, isLive: envelope.state === 'live' }
  }

  /** Equal calls that are under way together are one grab; only the one that began it has used its permit. */
  async function goOn(player: Walker, { envelopeId, fix }: ClaimRequest, envelope: ClaimableEnvelope) {
    const key = claimIdOf(envelopeId, player.id)
    const joined = grabbing.get(key)
    const work = joined ?? ports.grab(player, envelope).finally(() => grabbing.delete(key))
    if (joined === undefined) grabbing.set(key, work)
    const grabbed = await keepPermit(player, work, joined === undefined)
    switch (grabbed.status) {
      case 'claimed':
        if (grabbed.isNew && joined === undefined) await positions.reward(player, fix)
        return { status: 'claimed' as const, claim: grabbed.claim }
      case 'pending':
        if (joined === undefined) followUp(player, fix, grabbed.outcome)
        return { status: 'pending' as const, claimId: grabbed.claimId, envelopeId }
      case 'ended':
        return answerEnd(await memory.rememberEnd(envelopeId, grabbed.reason), player)
      case 'refused':
        return (await findOwn(envelopeId, player)) ?? grabbed
    }
  }

  /** The permit stays used for a win that is new or may come; otherwise it is given back, and nobody waits for that. */
  async function keepPermit(player: Walker, work: Promise<Grabbed>, isFirst: boolean): Promise<Grabbed> {
    let isUsed = false
    try {
      const grabbed = await work
      isUsed = isFirst && (grabbed.status === 'pending' || (grabbed.status === 'claimed' && grabbed.isNew))
      return grabbed
    } finally {
      if (!isUsed)
        positions.leave(player).catch((error: unknown) => ports.onFault(error, 'permit not given back'))
    }
  }

  function followUp(player: Walker, fix: ClaimRequest['fix'], outcome: Promise<Settled>): void {
    outcome
      .then(async settled => {
        if (settled.status !== 'settled') return
        ports.onLateWin(settled.claim)
        await positions.reward(player, fix)
      })
      .catch((error: unknown) => ports.onFault(error, 'pending claim not settled here'))
  }

  async function findOwn(envelopeId: string, player: Walker): Promise<ClaimAnswer | undefined> {
    const own = await memory.ownClaim(envelopeId, player.id)
    return own && { status: 'claimed', claim: own }
  }

  return claim
}

function answerEnd({ reason, winners }: Ended, player: Walker): ClaimAnswer {
  const own = winners.get(player.id)
  return own === undefined ? refuse('ended', { reason }) : { status: 'claimed', claim: own }
}
