/** Whether a provider wants to hear of service requests: one switch for all their sockets. */
import { Type } from 'typebox'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Shape } from '../scalars.ts'
import { ServiceRequestCategory } from './service-requests.ts'

const Duty = Shape({
  onDuty: Type.Boolean(),
  category: Type.Optional(ServiceRequestCategory),
})
const tag = 'service requests'

export const getDuty = operation({
  id: 'getDuty',
  method: 'GET',
  path: '/v1/me/duty',
  tag,
  summary: 'Whether you are on duty',
  callers: ['player'],
  answers: { 200: Duty },
  errors: [...commonErrors, ...callerErrors],
})

export const setDuty = operation({
  id: 'setDuty',
  method: 'POST',
  path: '/v1/me/duty',
  tag,
  summary: 'Go on duty, or off',
  description:
    'On duty, each of your sockets is told of the service requests near it, from `watching` on and in every new ' +
    'session; off duty, none. The same as a `watch` frame, for whoever has no socket open. Nothing is judged by it.',
  callers: ['player'],
  body: Duty,
  answers: { 200: Duty },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'minors_mode'],
})
