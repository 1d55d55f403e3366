/** Examples of strikes and appeals: Mei's phone looked like a drawing three times, and the operator forgave it. */
import { endAppeal, getPlayerStanding, getStanding, listAppeals, sendAppeal } from '../rest/standing.ts'
import { exampleOf } from './example.ts'
import { mei, times } from './story.ts'

const id = '019c6a71-0c58-7e0b-a5d1-6f24f0b1c9e3'
const text = 'My phone lies on the handlebar and is always certain to 5 m.'
const allowance = {
  left: { tries: 148, claims: 199, newCellsOfHour: 181, newCellsOfDay: 544 },
  cooldownMs: 41_000,
  rewardsPausedUntil: '2026-02-24T04:05:31.882Z',
}
const strike = {
  reason: 'fake_walk' as const,
  givenAt: times.claimed,
  expiresAt: '2026-02-24T04:05:31.882Z',
}
const appeal = { id, status: 'open' as const, text, sentAt: times.emptied }
const ended = {
  ...{ ...appeal, status: 'upheld' as const, playerId: mei },
  ...{ endedAt: '2026-02-17T08:00:12.000Z', reason: 'A bicycle holder, seen on the photo' },
}

export const standingExamples = [
  exampleOf(getStanding, { answers: { 200: { ...allowance, strikes: [strike], appeal } } }),
  exampleOf(sendAppeal, { body: { text }, answers: { 200: appeal, 201: appeal } }),
  exampleOf(getPlayerStanding, {
    params: { id: mei },
    answers: {
      200: {
        ...{ playerId: mei, ...allowance, appeal: { ...appeal, playerId: mei } },
        strikes: [{ ...strike, figures: { score: 0.93, fixes: 32 } }],
      },
    },
  }),
  exampleOf(listAppeals, {
    query: { status: 'open' },
    answers: {
      200: {
        items: [{ ...appeal, playerId: mei }],
        ...{ numberReturned: 1, links: { self: listAppeals.path } },
      },
    },
  }),
  exampleOf(endAppeal, {
    params: { id },
    body: { outcome: 'upheld', reason: ended.reason },
    answers: { 200: ended },
  }),
]
