/** Reports of envelopes that cannot, or should not, be reached. */
import { Type } from 'typebox'
import { bodyErrors, callerErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Page, PageQuery, Shape, Timestamp, Uuid } from '../scalars.ts'

export const ReportReason = Type.Enum(['unreachable', 'private', 'dangerous', 'gone'])

export const reportEnvelope = operation({
  id: 'reportEnvelope',
  method: 'POST',
  path: '/v1/envelopes/{id}/reports',
  tag: 'envelopes',
  summary: 'Say that an envelope cannot, or should not, be reached',
  description:
    'By whoever has won there or stands near: the last fix lies in a hint cell from which the envelope is `here` or ' +
    '`hot`; everything else is `out_of_reach`. The hider is told. One report for each player, and the first one ' +
    'stays: safe to repeat. Envelopes that several players reported are shown last, then closed and refunded; ' +
    'accounts that share a device count once.',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  body: Shape({ reason: ReportReason }),
  answers: { 200: Shape({ envelopeId: Uuid, reason: ReportReason, reportedAt: Timestamp }) },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...playerErrors,
    'position_needed',
    'position_refused',
    'hints_paused',
    'out_of_reach',
    'own_envelope',
    'ended',
    'frozen',
    'daily_limit',
  ],
})

export const Report = Shape({
  envelopeId: Uuid,
  playerId: Uuid,
  reason: ReportReason,
  reportedAt: Timestamp,
  state: Type.Enum(['live', 'empty', 'expired', 'closed', 'frozen'], {
    description: 'Of the envelope, now.',
  }),
  reports: Type.Integer({ minimum: 1, description: 'Players who reported the envelope.' }),
})

export const listReports = operation({
  id: 'listReports',
  method: 'GET',
  path: '/v1/operator/reports',
  tag: 'operator',
  summary: 'Reports of envelopes, newest first',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(Report) },
  errors: [...commonErrors, ...callerErrors],
})
