/** When a campaign pays: from its start to its end, and in between inside of its windows by the clock on the wall. */
import { limits } from '#protocol/limits.ts'
import type { Schedule as ScheduleBody } from '#protocol/rest/campaigns.ts'
import { isZone, wallTime } from '#platform/day.ts'
import { type Refusal, refuse } from '#platform/problem.ts'

const dayMinutes = 1_440

/** Minutes of the day; a window that ends before it begins runs over midnight into the next day. */
export type Window = { days: readonly number[]; fromMinute: number; toMinute: number }

export type Schedule = {
  startsAtMs: number
  endsAtMs: number
  timeZone: string
  windows: readonly Window[]
}

/** Inside of a window, or there are none. */
export function isInWindow({ timeZone, windows }: Schedule, nowMs: number): boolean {
  if (windows.length === 0) return true
  const { weekday, minute } = wallTime(nowMs, timeZone)
  const yesterday = weekday === 1 ? 7 : weekday - 1
  return windows.some(({ days, fromMinute, toMinute }) => {
    if (fromMinute < toMinute) return days.includes(weekday) && fromMinute <= minute && minute < toMinute
    return (days.includes(weekday) && fromMinute <= minute) || (days.includes(yesterday) && minute < toMinute)
  })
}

type Judged = { status: 'ok'; schedule: Schedule } | Refusal

const broken = (reason: string): Refusal => refuse('campaign_refused', { reason })

/** The schedule, or the first rule that it breaks. What should have started already starts now. */
export function judgeSchedule(sent: ScheduleBody, nowMs: number): Judged {
  const { daysLong, daysAhead } = limits.campaign
  const startsAtMs = Math.max(sent.startsAt === undefined ? nowMs : Date.parse(sent.startsAt), nowMs)
  const endsAtMs = Date.parse(sent.endsAt)
  if (Number.isNaN(startsAtMs) || Number.isNaN(endsAtMs)) {
    return refuse('bad_request', { errors: [{ pointer: '/body/schedule', message: 'is not a time' }] })
  }
  if (endsAtMs <= nowMs) return broken('schedule_past')
  if (endsAtMs <= startsAtMs) return broken('schedule_empty')
  if (startsAtMs - nowMs > daysAhead * 86_400_000) return broken('schedule_too_far')
  if (endsAtMs - startsAtMs > daysLong * 86_400_000) return broken('schedule_too_long')
  const timeZone = sent.timeZone ?? 'UTC'
  if (!isZone(timeZone)) return broken('zone_unknown')
  const windows = (sent.windows ?? []).map(({ days, from, to }) => ({
    ...{ days: [...days], fromMinute: readMinute(from), toMinute: readMinute(to) },
  }))
  const isEmpty = ({ fromMinute, toMinute }: Window) => fromMinute === toMinute || fromMinute === dayMinutes
  if (windows.some(isEmpty)) return broken('window_empty')
  return { status: 'ok', schedule: { startsAtMs, endsAtMs, timeZone, windows } }
}

/** The schedule with a later end. */
export function judgeEnd(schedule: Schedule, endsAt: string): Judged {
  const endsAtMs = Date.parse(endsAt)
  if (Number.isNaN(endsAtMs)) {
    return refuse('bad_request', { errors: [{ pointer: '/body/endsAt', message: 'is not a time' }] })
  }
  if (endsAtMs <= schedule.endsAtMs) return broken('end_not_later')
  const isTooLong = endsAtMs - schedule.startsAtMs > limits.campaign.daysLong * 86_400_000
  return isTooLong ? broken('schedule_too_long') : { status: 'ok', schedule: { ...schedule, endsAtMs } }
}

function readMinute(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

/** As the protocol writes it; midnight at an end is 24:00. */
export function describeSchedule({ startsAtMs, endsAtMs, timeZone, windows }: Schedule): ScheduleBody {
  const time = (minute: number) =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
  return {
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
    timeZone,
    ...(windows.length > 0 && {
      windows: windows.map(w => ({ days: [...w.days], from: time(w.fromMinute), to: time(w.toMinute) })),
    }),
  }
}
