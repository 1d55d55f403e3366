/**
 * What the servers have promised: every final answer to a claim, a hide, a close or a step of a service request, kept
 * for the audit. Answers that contradict each other are noticed at once.
 */
export type Promised = {
  /** By `envelope player`. */
  wins: ReadonlyMap<string, Win>
  losses: ReadonlySet<string>
  hides: ReadonlyMap<string, { totalMinor: string; shares: number }>
  /** Refunds by envelope. */
  closes: ReadonlyMap<string, string>
  /** Service requests by id: the latest price that was told, the provider, and the end. */
  errands: ReadonlyMap<string, Errand>
  messages: ReadonlyMap<string, { no: number; text: string }>
  contradictions: readonly string[]
}

export type Errand = {
  priceMinor: string
  providers: ReadonlySet<string>
  end: { state: string; paidMinor: string } | undefined
}

export type Win = { claimId: string; amountMinor: string }

export type Promises = Promised & {
  noteWin(pair: string, win: Win): void
  noteLoss(pair: string): void
  noteHide(key: string, envelope: { id: string; totalMinor: string; shares: number }): void
  noteClose(envelopeId: string, refundMinor: string): void
  noteErrand(key: string, request: { id: string; priceMinor: string }): void
  noteTaken(requestId: string, providerId: string): void
  noteErrandEnd(requestId: string, end: { state: string; paidMinor: string }): void
  noteMessage(messageId: string, message: { no: number; text: string }): void
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
  const errands = new Map<string, Errand>()
  const messages = new Map<string, { no: number; text: string }>()
  const contradict = (what: string) => void contradictions.push(what)

  return {
    ...{ wins, losses, hides, closes, errands, messages, contradictions },
    noteOdd: contradict,
    ...createErrandNotes(errands, messages, contradict),
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

function createErrandNotes(
  errands: Map<string, Errand>,
  messages: Map<string, { no: number; text: string }>,
  contradict: (what: string) => void,
): Pick<Promises, 'noteErrand' | 'noteTaken' | 'noteErrandEnd' | 'noteMessage'> {
  const postedBy = new Map<string, string>()
  const change = (id: string, more: Partial<Errand>) =>
    void errands.set(id, {
      ...(errands.get(id) ?? { priceMinor: '', providers: new Set(), end: undefined }),
      ...more,
    })

  return {
    noteErrand(key, { id, priceMinor }) {
      const before = postedBy.get(key)
      if (before !== undefined && before !== id) contradict(`post ${key} made ${before} and ${id}`)
      postedBy.set(key, id)
      change(id, { priceMinor })
    },
    noteTaken(id, providerId) {
      const providers = new Set([...(errands.get(id)?.providers ?? []), providerId])
      if (providers.size > 1) contradict(`${id} was given to ${[...providers].join(' and ')}`)
      change(id, { providers })
    },
    noteErrandEnd(id, end) {
      const before = errands.get(id)?.end
      if (before !== undefined && before.state !== end.state)
        contradict(`${id} ended as ${before.state}, then as ${end.state}`)
      change(id, { end })
    },
    noteMessage: (id, message) => void messages.set(id, message),
  }
}
