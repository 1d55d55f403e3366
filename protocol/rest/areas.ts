/** Areas, and those in which the operator lets nobody hide. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const rules = limits.campaign

export const Position = Type.Tuple([
  Type.Number({ minimum: -180, maximum: 180 }),
  Type.Number({ minimum: -90, maximum: 90 }),
])
const Ring = Type.Array(Position, { minItems: 4, maxItems: rules.mostVertices })
const Rings = Type.Array(Ring, { minItems: 1, maxItems: 20 })

/** WGS-84, as RFC 7946 wants it: closed rings, the outer one counter-clockwise, holes clockwise. */
export const Area = Type.Union([
  Shape({ type: Type.Literal('Polygon'), coordinates: Rings }),
  Shape({
    type: Type.Literal('MultiPolygon'),
    coordinates: Type.Array(Rings, { minItems: 1, maxItems: 20 }),
  }),
])
export type Area = Static<typeof Area>

const id = Shape({ id: Uuid })
const writing = [...commonErrors, ...bodyErrors, ...callerErrors] as const

export const ExclusionArea = Shape({ id: Uuid, name: Type.String(), area: Area, createdAt: Timestamp })

export const addExclusionArea = operation({
  id: 'addExclusionArea',
  method: 'POST',
  path: '/v1/operator/exclusion-areas',
  tag: 'operator',
  summary: 'Let nobody hide inside of an area',
  description:
    'Homes, schools, rail, military. Holds for players and merchants; what hides there already stays.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({
    name: Text(rules.nameChars),
    area: Area,
    reason: Text(limits.operator.reasonChars, 'For the log.'),
  }),
  answers: { 201: ExclusionArea },
  errors: [...writing, ...idempotencyErrors, 'campaign_refused'],
})

export const listExclusionAreas = operation({
  id: 'listExclusionAreas',
  method: 'GET',
  path: '/v1/operator/exclusion-areas',
  tag: 'operator',
  summary: 'Where nobody hides, newest first',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(ExclusionArea) },
  errors: [...commonErrors, ...callerErrors],
})

export const removeExclusionArea = operation({
  id: 'removeExclusionArea',
  method: 'DELETE',
  path: '/v1/operator/exclusion-areas/{id}',
  tag: 'operator',
  summary: 'Lift an exclusion',
  callers: ['operator'],
  params: id,
  answers: { 200: ExclusionArea },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const exclusionOperations = [addExclusionArea, listExclusionAreas, removeExclusionArea]
