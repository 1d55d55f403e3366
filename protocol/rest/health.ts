/** Is the process alive, is it ready for traffic. */
import { Type } from 'typebox'
import { operation } from '../operation.ts'
import { Shape } from '../scalars.ts'

export const getLiveness = operation({
  id: 'getLiveness',
  method: 'GET',
  path: '/livez',
  tag: 'health',
  summary: 'The process runs',
  callers: [],
  answers: { 200: Shape({ status: Type.Literal('alive') }) },
  errors: ['bad_request', 'internal'],
})

export const getReadiness = operation({
  id: 'getReadiness',
  method: 'GET',
  path: '/readyz',
  tag: 'health',
  summary: 'PostgreSQL and Redis answer, and the server is not shutting down',
  callers: [],
  answers: { 200: Shape({ status: Type.Literal('ready') }) },
  errors: ['bad_request', 'unavailable', 'internal'],
})
