/** Examples of what the operator stops: the tea house's campaign is capped, reaches the cap, and is looked into. */
import {
  freeze,
  listActions,
  listBudgets,
  listDeadLetters,
  replayDeadLetters,
  setCap,
  unfreeze,
} from '../rest/operator.ts'
import { listReports } from '../rest/reports.ts'
import { exampleOf } from './example.ts'
import { claimId, envelopeId, mei, merchantId } from './story.ts'

const campaignId = '019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17'
const target = { campaignId }
const since = '2026-02-17T06:00:00.000Z'
const capped = {
  ...{ target, currency: 'CNY', state: 'open' as const, since },
  ...{ totalMinor: '5000000', perHourMinor: '500000', countedSince: since },
  ...{ usedTotalMinor: '0', usedHourMinor: '0' },
}
const reached = {
  ...capped,
  ...{ state: 'frozen' as const, reason: 'cap_hour', since: '2026-02-17T06:41:09.204Z' },
  ...{ usedTotalMinor: '499780', usedHourMinor: '499780' },
}
const letterId = '019c6a5b-9c07-7d52-9d0b-58c1f0a6f3aa'
const page = (path: string) => ({ numberReturned: 1, links: { self: path } })

export const operatorExamples = [
  exampleOf(setCap, {
    body: {
      ...{ target, currency: 'CNY', totalMinor: '5000000', perHourMinor: '500000' },
      reason: 'Budget of the New Year campaign',
    },
    answers: { 200: capped },
  }),
  exampleOf(listBudgets, { answers: { 200: { items: [reached], ...page(listBudgets.path) } } }),
  exampleOf(freeze, {
    body: { target: { merchantId }, reason: 'Called by the merchant: wrong amounts' },
    answers: { 200: { target: { merchantId }, state: 'frozen', changed: true } },
  }),
  exampleOf(unfreeze, {
    body: { target, reason: 'Checked: a busy hour' },
    answers: { 200: { target, state: 'open', changed: true } },
  }),
  exampleOf(listActions, {
    answers: {
      200: {
        items: [
          {
            id: '019c6a55-3d14-7a06-8a5c-2b8b5a1f7e04',
            ...{ actor: 'cap', action: 'freeze', target: { ...target, currency: 'CNY' }, reason: 'cap_hour' },
            before: { state: 'open' },
            after: {
              ...{ state: 'frozen', usedTotalMinor: '499780', usedHourMinor: '499780' },
              ...{ totalCapMinor: '5000000', hourCapMinor: '500000' },
            },
            at: reached.since,
          },
        ],
        ...page(listActions.path),
      },
    },
  }),
  exampleOf(listDeadLetters, {
    answers: {
      200: {
        items: [
          {
            ...{ id: letterId, envelopeId, playerId: mei, shareNo: 2, attempts: 8 },
            fault: 'new row for relation "claims" violates check constraint',
            ...{ buriedAt: '2026-02-17T04:05:48.310Z', updatedAt: '2026-02-17T04:05:48.310Z' },
          },
        ],
        ...page(listDeadLetters.path),
      },
    },
  }),
  exampleOf(listReports, {
    answers: {
      200: {
        items: [
          {
            ...{ envelopeId, playerId: mei, reason: 'unreachable', reportedAt: '2026-02-17T04:04:10.000Z' },
            ...{ state: 'live', reports: 1 },
          },
        ],
        ...page(listReports.path),
      },
    },
  }),
  exampleOf(replayDeadLetters, {
    body: { ids: [letterId], reason: 'The constraint is gone' },
    answers: { 200: { items: [{ id: letterId, status: 'settled', claimId }], left: 0 } },
  }),
]
