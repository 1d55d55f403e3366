/** What the scripts and the keys of the gate say, in the words of its port. */
import type { GateView, GateWinner } from './audit.ts'
import type { Held, OutboxEntry, ReserveRequest, ReserveVerdict } from './gate.ts'

export function readVerdict(
  { envelopeId, playerId, epoch }: ReserveRequest,
  reply: readonly string[],
): ReserveVerdict {
  const [status = '', share, entryId = '', stored = ''] = reply
  switch (status) {
    case 'WON':
    case 'HAVE': {
      const reservation = { envelopeId, playerId, shareNo: Number(share), epoch, entryId }
      return { status: status === 'WON' ? 'won' : 'have', reservation }
    }
    case 'STALE':
      return { status: 'stale', storedEpoch: parseEpoch(stored) }
    case 'CLOSED':
      return { status: 'closed' }
    case 'EXPIRED':
      return { status: 'expired' }
    case 'CORRUPT':
      return { status: 'corrupt' }
    case 'EMPTY':
      return { status: 'empty' }
    case 'SOFT_EMPTY':
      return { status: 'soft_empty' }
    default:
      throw new Error(`reserve.lua answered ${status}`)
  }
}

export function readView([status = '', ...values]: readonly string[]): GateView {
  switch (status) {
    case 'ABSENT':
      return { status: 'absent' }
    case 'UNREADABLE':
      return { status: 'unreadable' }
    case 'OTHER_EPOCH':
      return { status: 'other_epoch', storedEpoch: Number(values[0]) }
    case 'READ': {
      const [shareCount, settled, free, ...pairs] = values
      const winners = pairs.flatMap((value, i) =>
        i % 2 === 0 ? [] : [readWinner(pairs[i - 1] ?? '', value)],
      )
      return {
        status: 'read',
        shareCount: Number(shareCount),
        settled: Number(settled),
        free: Number(free),
        winners,
      }
    }
    default:
      throw new Error(`inspect.lua answered ${status}`)
  }
}

export function readWinner(playerId: string, value: string): GateWinner {
  const [shareNo, entryId = '0-0', settled] = value.split(':')
  return { playerId, shareNo: Number(shareNo), entryId, isSettled: settled === '1' }
}

/** Nothing where there is none, or none that can be read. */
export function readHeld(request: ReserveRequest, value: string | null | undefined): Held {
  if (value === null || value === undefined) return undefined
  const { shareNo, entryId } = readWinner(request.playerId, value)
  return Number.isInteger(shareNo) ? { ...request, shareNo, entryId } : undefined
}

export function readEntry(partition: number, entryId: string, fields: readonly string[]): OutboxEntry {
  const at = (name: string) => fields[fields.indexOf(name) + 1] ?? ''
  return {
    partition,
    entryId,
    envelopeId: at('envelope'),
    playerId: at('player'),
    shareNo: Number(at('share')),
    epoch: Number(at('epoch')),
  }
}

/** Nothing where it is no number: a gate without an epoch is no gate. */
export const parseEpoch = (stored: string): number | undefined =>
  /^\d{1,15}$/.test(stored) ? Number(stored) : undefined
