/** Judges what a player does by two standings, the device's first and then the account's. */
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import type { Pace } from './pace.ts'
import { freshStanding, type Judged, type Owner, type Standing, type StandingStore } from './standing.ts'

/** Whose position it is; `timeScale` runs a sandbox player's limits faster. The device is judged like the player. */
export type Walker = { id: string; timeScale: number; deviceId?: string; isMinor?: boolean }

export type JudgingPorts = {
  store: StandingStore
  clock: Clock
  /** Wins of each player since a moment, in one query: what Redis forgot of the permits. */
  countClaimsSince: (asked: { playerId: string; sinceMs: number }[]) => Promise<number[]>
  /** Until when strikes pause the rewards of each player, in one query. */
  findStruck: (playerIds: string[]) => Promise<(number | undefined)[]>
}

/** What a verdict is made for; the account hears what the device was answered. */
export type Asked<A> = { owner: Owner; pace: Pace; device?: A | undefined }

type Note = (standing: Standing, pace: Pace) => Standing

export type Judging = {
  judge<A>(
    player: Walker,
    change: (standing: Standing, asked: Asked<A>) => Judged<A>,
  ): Promise<{ answer: A; device?: A | undefined }>
  /** A change that both take alike. */
  note(player: Walker, change: Note): Promise<void>
  noteOfDevice(player: Walker, change: Note): Promise<void>
  noteOfAccount(player: Walker, change: Note): Promise<void>
}

const dayMs = 86_400_000
/** A crowd that arrives at once is counted together. */
const seeding = { maxSize: 500, concurrency: 2 }

export function createJudging({ store, clock, countClaimsSince, findStruck: find }: JudgingPorts): Judging {
  const countClaims = createBatcher({ ...seeding, clock, run: countClaimsSince })
  const findStruck = createBatcher({ ...seeding, clock, run: find })
  const paceOf = ({ timeScale }: Walker): Pace => ({ nowMs: clock.nowMs(), timeScale })

  function update<A>(owner: Owner, pace: Pace, change: (standing: Standing) => Judged<A>): Promise<A> {
    const fresh = async () => {
      if (owner.kind === 'device') return freshStanding({ claimsOfDay: 0 }, pace)
      const sinceMs = pace.nowMs - dayMs / pace.timeScale
      const [claimsOfDay, struckUntilMs] = await Promise.all([
        countClaims({ playerId: owner.id, sinceMs }),
        findStruck(owner.id),
      ])
      return freshStanding({ claimsOfDay, struckUntilMs }, pace)
    }
    return store.update(owner, fresh, change)
  }

  const noteOf = (owner: Owner, pace: Pace, change: Note): Promise<void> =>
    update(owner, pace, standing => ({ standing: change(standing, pace), answer: undefined }))

  function judge<A>(
    player: Walker,
    change: (standing: Standing, asked: Asked<A>) => Judged<A>,
  ): Promise<{ answer: A; device?: A | undefined }> {
    const pace = paceOf(player)
    const [account, phone] = [accountOf(player), deviceOf(player)]
    const follow = (device: A | undefined) =>
      update(account, pace, before => {
        const { standing, answer } = change(before, { owner: account, pace, device })
        return { standing, answer: { answer, device } }
      })
    if (phone === undefined) return follow(undefined)
    return update(phone, pace, before => change(before, { owner: phone, pace })).then(follow)
  }

  return {
    judge,
    async note(player, change) {
      await judge(player, (standing, { pace }) => ({ standing: change(standing, pace), answer: undefined }))
    },
    async noteOfDevice(player, change) {
      const phone = deviceOf(player)
      if (phone) await noteOf(phone, paceOf(player), change)
    },
    noteOfAccount: (player, change) => noteOf(accountOf(player), paceOf(player), change),
  }
}

export const accountOf = ({ id }: Walker): Owner => ({ kind: 'account', id })
export const deviceOf = ({ deviceId }: Walker): Owner | undefined =>
  deviceId === undefined ? undefined : { kind: 'device', id: deviceId }
