/**
 * What the servers have promised: every final answer to a claim, a hide or a close, kept for the audit. Answers that
 * contradict each other are noticed at once.
 */
export type Promised = {
  /** By `envelope player`. */
  wins: ReadonlyMap<string, Win>
  losses: ReadonlySet<string>
  hides: ReadonlyMap<string, { totalMinor: string; shares: number }>
  /** Refunds by envelope. */
  closes: ReadonlyMap<string, string>
  contradictions: readonly string[]
}

export type Win = { claimId: string; amountMinor: string }

export type Promises = Promised & {
  noteWin(pair: string, win: Win): void
  noteLoss(pair: string): void
  noteHide(key: string, envelope: { id: string; totalMinor: string; shares: number }): void
  noteClose(envelopeId: string, refundMinor: string): void
  /** An answer that no client should ever have got. */
  noteOdd(what: string): void
}

export function createPromises(): Promises {
  const wins = new Map<string, Win>()
  const losses = new Set<string>()
  const hides = new Map<string, { totalMinor: string; shares: number }>()
  const hiddenBy = new Map<string, string>()
  const closes = new Map<string, string>()
  const contradictions: string[] = []
  const contradict = (what: string) => void contradictions.push(what)

  return {
    ...{ wins, losses, hides, closes, contradictions },
    noteOdd: contradict,
    noteWin(pair, win) {
      const before = wins.get(pair)
      if (before === undefined) wins.set(pair, win)
      else if (before.claimId !== win.claimId || before.amountMinor !== win.amountMinor) {
        contradict(
          `${pair} won ${before.amountMinor} (${before.claimId}), then ${win.amountMinor} (${win.claimId})`,
        )
      }
      if (losses.has(pair)) contradict(`${pair} had lost, then won ${win.amountMinor}`)
    },
    noteLoss(pair) {
      losses.add(pair)
      const win = wins.get(pair)
      if (win !== undefined) contradict(`${pair} had won ${win.amountMinor}, then lost`)
    },
    noteHide(key, { id, totalMinor, shares }) {
      const before = hiddenBy.get(key)
      if (before !== undefined && before !== id) contradict(`hide ${key} made ${before} and ${id}`)
      hiddenBy.set(key, id)
      hides.set(id, { totalMinor, shares })
    },
    noteClose(envelopeId, refundMinor) {
      const before = closes.get(envelopeId)
      if (before !== undefined && before !== refundMinor) {
        contradict(`close of ${envelopeId} refunded ${before}, then ${refundMinor}`)
      }
      closes.set(envelopeId, refundMinor)
    },
  }
}
