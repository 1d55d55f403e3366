/**
 * The position gate of a claim: the rules over device and account, and what the try says of the player. A strike is the
 * only thing here that is written anywhere else than in the standing, and it is rare: no claim waits for it but the one
 * that earns it.
 */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { isRefusal } from '#platform/problem.ts'
import { judgeConduct, type Sign } from './conduct.ts'
import { type Admission, type Entry, type EntryPlace, type EntryVerdict } from './entry.ts'
import { judgeAdmission, judgeEntry, type Permit } from './entry.ts'
import type { Spots } from './cells.ts'
import type { ReportedFix } from './fix.ts'
import type { Judging, Walker } from './judging.ts'
import { givePermitBack } from './quotas.ts'
import type { Owner, Standing } from './standing.ts'
import type { Pace } from './pace.ts'
import type { Sample } from './fake-walk.ts'
import type { Walks } from './walks.ts'

export type EnterPorts = {
  judging: Judging
  walks: Walks
  spotsOf: (owner: Owner, fix: ReportedFix) => Spots
  /** Records a strike, where one is due, and says until when rewards pause. */
  giveStrike: (misconduct: StrikeDue) => Promise<{ pausedUntilMs: number | undefined }>
  log: Pick<Logger, 'error'>
}

export type StrikeDue = Sign & { playerId: string; timeScale: number }

/** The fix of a try: as the rules know it, and as the score of walks does. */
export type Tried = { reported: ReportedFix; sample: Sample; bringsCode: boolean }

export function createEnter({ judging, walks, spotsOf, giveStrike, log }: EnterPorts) {
  async function strike(player: Walker, sign: Sign): Promise<void> {
    try {
      const { id: playerId, timeScale } = player
      const { pausedUntilMs } = await giveStrike({ ...sign, playerId, timeScale })
      await judging.noteOfAccount(player, standing => withPause(standing, pausedUntilMs))
    } catch (error) {
      // The claim is judged by the rules alone: what could not be noted is noted with the next sign.
      log.error({ err: error }, 'a strike was not given')
    }
  }

  return async function enter(
    player: Walker,
    { envelopeId, tried, place }: { envelopeId: string; tried: Tried; place: EntryPlace | undefined },
  ): Promise<EntryVerdict> {
    const { reported: fix, sample, bringsCode } = tried
    const { answer, device } = await judging.judge<Entry & { sign?: Sign }>(
      player,
      (standing, { owner, pace, device: phone }) => {
        const request = { envelopeId, fix, bringsCode, place, spots: spotsOf(owner, fix), device: phone }
        const judge = () => judgeEntry(standing, request, pace)
        return owner.kind === 'device' ? judge() : judgeConduct(standing, judge, pace)
      },
    )
    const { verdict } = answer
    await evenOut(judging, player, { permit: place?.permit, verdict, device })
    noteWalk(walks, player, { verdict, sample })
    const sign = answer.sign ?? walks.judge(player.id)
    if (sign !== undefined) await strike(player, sign)
    return verdict
  }
}

/** The gate of a claim that brings a ticket: what its player may be rewarded with, wherever they are by now. */
export async function admit(
  judging: Judging,
  player: Walker,
  admission: Omit<Admission, 'device'>,
): Promise<EntryVerdict> {
  const { answer, device } = await judging.judge<Entry>(
    player,
    (standing, { owner, pace, device: phone }) => {
      const judge = () => judgeAdmission(standing, { ...admission, device: phone }, pace)
      return owner.kind === 'device' ? judge() : judgeConduct(standing, judge, pace)
    },
  )
  const { verdict } = answer
  await evenOut(judging, player, { ...admission, verdict, device })
  return verdict
}

type Evened = { permit: Permit | undefined; verdict: EntryVerdict; device: Entry | undefined }

/** Where the device was let in and the player was not, its permit is nobody's; hardly ever is there anything to do. */
function evenOut(
  judging: Judging,
  player: Walker,
  { permit, verdict, device }: Evened,
): Promise<void> | undefined {
  const hasPermit = permit === 'taken' && device?.verdict.status === 'entered'
  return hasPermit && isRefusal(verdict) ? judging.noteOfDevice(player, withPermitBack) : undefined
}

/** A try's fix is one of the walk where it was believed; a ride is no walk. */
export function noteWalk(
  walks: Walks,
  { id }: Pick<Walker, 'id'>,
  { verdict, sample }: { verdict: EntryVerdict; sample: Sample },
): void {
  // A coarse fix, which only a claim with a code may bring, says nothing of how somebody walks.
  if (sample.accuracyM > limits.position.worstAccuracyM) return
  if (verdict.status === 'entered' || verdict.code === 'out_of_reach') walks.add(id, sample)
  if (isRefusal(verdict) && verdict.reason === 'speed') walks.forget(id)
}

export const withPermitBack = (standing: Standing, pace: Pace): Standing => ({
  ...standing,
  quotas: givePermitBack(standing.quotas, pace),
})

export const withPause = (standing: Standing, struckUntilMs: number | undefined): Standing => ({
  ...standing,
  struckUntilMs,
})
