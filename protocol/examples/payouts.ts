/** Examples of payouts and statements: Mei takes out what she won. */
import {
  endPayout,
  getPayout,
  listPayouts,
  listPayoutsByStatus,
  reportPayout,
  requestPayout,
} from '../rest/payouts.ts'
import { getAccountStatement, getStatement } from '../rest/statements.ts'
import { exampleOf } from './example.ts'
import { claimId, envelopeId, mei, meisShare, times } from './story.ts'

const id = '019c6a01-11e0-7c52-8f0e-6a4b0b6d7d11'
const destination = 'Bank of Shanghai 6212 8888 0000 0044'
const reserved = {
  ...{ id, status: 'reserved' as const, amount: meisShare, destination },
  createdAt: '2026-02-17T05:10:02.400Z',
}
const reference = 'PSP-2026-0217-77'
const paid = { ...reserved, status: 'paid' as const, reference, endedAt: '2026-02-17T08:00:12.007Z' }
const forOperator = { ...paid, owner: { playerId: mei }, tries: 1 }

const period = { currency: 'CNY', from: '2026-02-17T00:00:00.000Z', to: '2026-02-18T00:00:00.000Z' }
const columns =
  'line,at,transferId,kind,envelopeId,payoutId,serviceRequestId,reference,currency,' +
  'debitMinor,creditMinor,balanceMinor,debit,credit,balance'
const statement = [
  columns,
  `opening,${period.from},,,,,,,CNY,,,0,,,0.00`,
  `transfer,${times.claimed},${claimId},claim,${envelopeId},,,,CNY,,449,449,,4.49,4.49`,
  `transfer,${reserved.createdAt},3f3b0b8f-65f6-5d0c-9a63-0d1f3b8d8a55,payout,,${id},,,CNY,449,,0,4.49,,0.00`,
  `closing,${period.to},,,,,,,CNY,449,449,0,4.49,4.49,0.00`,
]
  .map(line => `${line}\r\n`)
  .join('')

export const payoutExamples = [
  exampleOf(requestPayout, { body: { amount: meisShare, destination }, answers: { 201: reserved } }),
  exampleOf(listPayouts, {
    query: { limit: '20' },
    answers: { 200: { items: [paid], numberReturned: 1, links: { self: '/v1/payouts' } } },
  }),
  exampleOf(getPayout, { params: { id }, answers: { 200: paid } }),
  exampleOf(reportPayout, {
    body: { type: 'payout.paid', timestamp: paid.endedAt, data: { payoutId: id, reference } },
    answers: { 200: paid },
  }),
  exampleOf(listPayoutsByStatus, {
    query: { status: 'paid' },
    answers: { 200: { items: [forOperator], numberReturned: 1, links: { self: '/v1/operator/payouts' } } },
  }),
  exampleOf(endPayout, {
    params: { id },
    body: { outcome: 'paid', reference },
    answers: { 200: forOperator },
  }),
  exampleOf(getStatement, { query: period, answers: { 200: statement } }),
  exampleOf(getAccountStatement, { query: { playerId: mei, ...period }, answers: { 200: statement } }),
]
