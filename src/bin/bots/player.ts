/**
 * One account at the server, as a bot uses it: says where it stands, claims, sleeps, and keeps what it was told. What
 * is said comes from a profile or from a journal; here it makes no difference.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '#protocol/errors.ts'
import type { Fix } from '#protocol/scalars.ts'
import type { HintItem, ServerFrame } from '#protocol/ws/server.ts'
import type { Promises } from '../load/promises.ts'
import type { Claimant } from '../load/stage.ts'
import { ServerFault } from '../play/rest-client.ts'
import { openPhone, type PhoneOptions } from './phone.ts'

/** What an answer comes to. */
export type Told =
  | { status: 'accepted'; paused?: string | undefined }
  | { status: 'ignored'; reason: string }
  | { status: 'claimed' | 'pending' }
  | { status: 'refused'; code: ErrorCode; reason?: string | undefined; retryAfterMs?: number | undefined }

/** Short, for journals and reports: `accepted`, `ignored jump`, `position_refused speed`. */
export function wordOf(told: Told): string {
  switch (told.status) {
    case 'accepted':
      return told.paused === undefined ? 'accepted' : `paused ${told.paused}`
    case 'ignored':
      return `ignored ${told.reason}`
    case 'refused':
      return told.reason === undefined ? told.code : `${told.code} ${told.reason}`
    default:
      return told.status
  }
}

export type Player = {
  stand(fix: Fix): Promise<Told>
  /** Asks again while the answer may change in a moment. */
  claim(envelopeId: string, fix: Fix): Promise<Told>
  sleep(): void
  wake(): void
  /** Claims that were promised an answer are asked for until they have one; how many stay without. */
  finish(options: { withinMs: number }): Promise<number>
  close(): void
}

export type PlayerOptions = Pick<PhoneOptions, 'url' | 'onReconnected'> & {
  claimant: Claimant
  promises: Promises
  onHint: (hint: HintItem) => void
  onGone: (envelopeId: string) => void
  /** All hints but these are gone. */
  onSnapshot: (envelopeIds: ReadonlySet<string>) => void
  /** A share of this envelope is on record. */
  onWin: (envelopeId: string) => void
}

const passing: readonly ErrorCode[] = ['try_again', 'unavailable', 'too_many_requests']
const REPEATS = 5
const ASK_AGAIN_MS = 200

/** Resolves once the session is open. Throws a `ServerFault` where the server does not let the player in. */
export async function openPlayer(options: PlayerOptions): Promise<Player> {
  const { claimant, promises, onWin, ...rest } = options
  const pending = new Map<string, Fix>()
  const won = new Set<string>()

  function noteWin(win: Parameters<Promises['noteWin']>[1]): void {
    promises.noteWin(claimant.id, win)
    pending.delete(win.envelopeId)
    if (won.has(win.envelopeId)) return
    won.add(win.envelopeId)
    onWin(win.envelopeId)
  }

  const onFrame = createEars({ ...rest, noteWin })
  const phone = await openPhone({ ...rest, token: claimant.token, onFrame })

  async function claimOnce(envelopeId: string, fix: Fix): Promise<Told> {
    const answer = await phone.request({ type: 'claim', envelopeId, fix })
    if (answer.type === 'error') {
      if (answer.code === 'ended') promises.noteEnd(claimant.id, envelopeId)
      if (!passing.includes(answer.code)) pending.delete(envelopeId)
      const { code, reason, retryAfterMs } = answer
      return { status: 'refused', code, reason, retryAfterMs }
    }
    if (answer.type !== 'claim.result') throw new ServerFault(`a claim was answered with ${answer.type}`)
    if (answer.result.status === 'claimed') noteWin(answer.result)
    else pending.set(envelopeId, fix)
    return { status: answer.result.status }
  }

  async function claim(envelopeId: string, fix: Fix): Promise<Told> {
    for (let repeat = 0; ; repeat++) {
      const told = await claimOnce(envelopeId, fix)
      const mayChange = told.status === 'refused' && passing.includes(told.code)
      if (!mayChange || repeat === REPEATS) return told
      await sleep(told.retryAfterMs ?? ASK_AGAIN_MS)
    }
  }

  return {
    claim,
    async stand(fix) {
      const answer = await phone.request({ type: 'position', fix })
      if (answer.type === 'error') {
        return {
          status: 'refused',
          code: answer.code,
          reason: answer.reason,
          retryAfterMs: answer.retryAfterMs,
        }
      }
      if (answer.type !== 'position.ack') throw new ServerFault(`a fix was answered with ${answer.type}`)
      return answer.accepted
        ? { status: 'accepted', paused: answer.paused }
        : { status: 'ignored', reason: answer.reason ?? 'unknown' }
    },
    sleep: phone.sleep,
    wake: phone.wake,
    async finish({ withinMs }) {
      const deadlineMs = Date.now() + withinMs
      while (pending.size > 0 && Date.now() < deadlineMs) {
        await sleep(ASK_AGAIN_MS)
        for (const [envelopeId, fix] of pending) await claim(envelopeId, fix)
      }
      return pending.size
    },
    close: phone.close,
  }
}

type EarOptions = Pick<PlayerOptions, 'onHint' | 'onGone' | 'onSnapshot'> & {
  noteWin: (win: Parameters<Promises['noteWin']>[1]) => void
}

function createEars({ onHint, onGone, onSnapshot, noteWin }: EarOptions): (frame: ServerFrame) => void {
  return frame => {
    if (frame.type === 'snapshot') {
      onSnapshot(new Set(frame.hints.map(({ envelopeId }) => envelopeId)))
      frame.hints.forEach(onHint)
    } else if (frame.type === 'hint') onHint(frame)
    else if (frame.type === 'gone') onGone(frame.envelopeId)
    else if (frame.type === 'claim.settled') noteWin(frame)
  }
}
