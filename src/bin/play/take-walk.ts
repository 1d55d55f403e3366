/**
 * Plays one player along a walk: each fix is sent at its time, answered, and what the walker chooses is tried, before
 * the next one leaves. A delay anywhere makes the walk slower, never faster, so that nobody seems to run.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { getEnvelope } from '#protocol/rest/envelopes.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import type { HintItem, ServerFrame } from '#protocol/ws/server.ts'
import { type Claimant, createClaimant } from './claimant.ts'
import type { Fix } from './fixes.ts'
import { openPlaySocket, type PlaySocket } from './play-socket.ts'
import { type RestClient, ServerFault } from './rest-client.ts'
import { createTally } from './tally.ts'
import type { Listener, WalkEvent, WalkReport } from './walk-event.ts'
import { createWalker, type Walker } from './walker.ts'

export type WalkOptions = {
  url: string
  token: string
  client: RestClient
  fixes: readonly Fix[]
  /** How much faster than its own the walk's clock runs: the player's time scale or less. */
  speed: number
  accuracyM: number
  /** Told of everything that happens, with the fix where it does. */
  onEvent: Listener
}

/** Hints leave the server behind the acknowledgement of the fix that they belong to, and arrive a moment later. */
const BEAT_MS = 2
const PENDING_MS = 30_000

export async function takeWalk(options: WalkOptions): Promise<WalkReport> {
  const { url, token, client, fixes, speed, accuracyM } = options
  const first = fixes[0]
  assert(first, 'a walk has a fix at least')
  let here = first
  const tally = createTally()
  const tell = (event: WalkEvent): void => {
    tally.note(event)
    options.onEvent(event, here)
  }
  const describe = (fix: Fix) => describeFix(fix, accuracyM)

  const walker = createWalker({ accuracyM })
  const request: PlaySocket['request'] = frame => socket.request(frame)
  const claimant = createClaimant({ request, client, speed, tell, conclude: walker.conclude })
  const ears = createEars({ walker, claimant, tell })
  const onReconnected = () => tell({ type: 'reconnected' })
  const socket = await openPlaySocket({ url, token, onFrame: ears.hear, onReconnected })
  let wasPaused = false

  async function arrive(fix: Fix): Promise<void> {
    const answer = await request({ type: 'position', fix: describe(fix) })
    if (answer.type !== 'position.ack') throw new ServerFault(`a fix was answered with ${nameAnswer(answer)}`)
    const isPaused = answer.accepted ? answer.paused !== undefined : wasPaused
    here = fix
    walker.stand(fix, { isAccepted: answer.accepted, isPaused })
    if (answer.accepted) tally.move(fix, { isPaused })
    else tell({ type: 'ignored', reason: answer.reason ?? 'unknown' })
    if (isPaused !== wasPaused) tell({ type: isPaused ? 'paused' : 'resumed' })
    wasPaused = isPaused
  }

  async function makeTries(): Promise<void> {
    await Promise.all(ears.takeNew().map(learnRadius))
    for (const id of walker.chooseTries()) await claimant.tryFor(id, describe(here))
  }

  async function learnRadius(id: string): Promise<void> {
    const envelope = await client.call(getEnvelope, { id })
    if (envelope.status === 'ok') walker.learnRadius(id, envelope.body.claimRadiusM)
  }

  const startedAtMs = Date.now()
  for (const [index, fix] of fixes.entries()) {
    const sentAtMs = Date.now()
    await arrive(fix)
    await sleep(BEAT_MS)
    await makeTries()
    const next = fixes[index + 1] ?? fix
    await sleep(Math.max(0, sentAtMs + (next.atMs - fix.atMs) / speed - Date.now()))
    // What came to light while the player stood there.
    await makeTries()
  }
  const tookMs = Date.now() - startedAtMs
  const unsettled = await claimant.finish(describe(here), { withinMs: PENDING_MS })
  socket.close()
  const recordedMs = here.atMs - first.atMs
  return { ...tally.report(), fixes: fixes.length, recordedMs, tookMs, unsettled, wins: claimant.wins() }
}

type Ears = {
  hear(frame: ServerFrame): void
  /** Envelopes that were first heard of since the last call. */
  takeNew(): string[]
}

function createEars(ports: { walker: Walker; claimant: Claimant; tell: (event: WalkEvent) => void }): Ears {
  const { walker, claimant, tell } = ports
  let newIds: string[] = []

  function hearHint(hint: HintItem): void {
    const before = walker.hear(hint)
    if (before === hint.band) return
    if (before === undefined) newIds.push(hint.envelopeId)
    tell({ type: 'hint', hint, before })
  }

  return {
    hear(frame) {
      switch (frame.type) {
        case 'snapshot':
          walker.keepOnly(new Set(frame.hints.map(({ envelopeId }) => envelopeId)))
          return frame.hints.forEach(hearHint)
        case 'hint':
          return hearHint(frame)
        case 'gone':
          walker.forget(frame.envelopeId)
          // A win is told by its own answer, with what it was worth.
          return frame.reason === 'claimed' ? undefined : tell(frame)
        case 'warmth':
          return tell(frame)
        case 'claim.settled':
          return claimant.settle(frame)
        default:
          // The rest answers something, or is for those who hide.
          return undefined
      }
    },
    takeNew() {
      const taken = newIds
      newIds = []
      return taken
    },
  }
}

function describeFix({ lat, lng, atMs }: Fix, accuracyM: number): WireFix {
  return { lat, lng, accuracyM, at: new Date(atMs).toISOString() }
}

const nameAnswer = (frame: ServerFrame): string => (frame.type === 'error' ? frame.code : frame.type)
