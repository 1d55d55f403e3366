/** What the crowd was told, held against itself: who won hears the same win for ever, and no claim is told twice. */
import type { ClaimedAnswer } from '#protocol/rest/claims.ts'

export type Told = { wins: number; sumMinor: bigint }

export type Promises = {
  noteWin(player: string, win: Pick<ClaimedAnswer, 'claimId' | 'envelopeId' | 'amount'>): void
  /** The player was told that the envelope is over, so that they have not won. */
  noteEnd(player: string, envelopeId: string): void
  /** Of one envelope, each winner once. */
  toldOf(envelopeId: string): Told
  wins(): number
  /** In words, the first hundred. */
  faults(): readonly string[]
}

const MOST_FAULTS = 100

export function createPromises(): Promises {
  const wins = new Map<string, { claimId: string; amountMinor: string }>()
  const ends = new Set<string>()
  const owners = new Map<string, string>()
  const told = new Map<string, Told>()
  const faults: string[] = []
  const blame = (fault: string) => faults.length < MOST_FAULTS && faults.push(fault)

  return {
    noteWin(player, { claimId, envelopeId, amount }) {
      // A crowd claims money; a coupon would be worth none.
      const { amountMinor } = amount ?? { amountMinor: '0' }
      const pair = `${player} of ${envelopeId}`
      const known = wins.get(pair)
      if (known?.claimId === claimId && known.amountMinor === amountMinor) return
      if (known !== undefined) {
        blame(`two wins of ${pair}: ${known.amountMinor} and ${amountMinor}`)
        return
      }
      if (ends.has(pair)) blame(`a win of ${pair}, who had been told that it is over`)
      const owner = owners.get(claimId)
      if (owner !== undefined) blame(`claim ${claimId} was told to ${owner} and to ${pair}`)
      owners.set(claimId, pair)
      wins.set(pair, { claimId, amountMinor })
      const before = told.get(envelopeId) ?? { wins: 0, sumMinor: 0n }
      told.set(envelopeId, { wins: before.wins + 1, sumMinor: before.sumMinor + BigInt(amountMinor) })
    },
    noteEnd(player, envelopeId) {
      const pair = `${player} of ${envelopeId}`
      if (wins.has(pair)) blame(`${pair} had won and was told that it is over`)
      ends.add(pair)
    },
    toldOf: envelopeId => told.get(envelopeId) ?? { wins: 0, sumMinor: 0n },
    wins: () => wins.size,
    faults: () => faults,
  }
}
