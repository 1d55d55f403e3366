/** Uploads: a file with the points of a drop, read row by row. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Crs, Shape, Timestamp, Uuid } from '../scalars.ts'

export const Upload = Shape({
  id: Uuid,
  campaignId: Uuid,
  format: Type.Enum(['csv', 'geojson']),
  points: Type.Integer({ minimum: 1, maximum: limits.upload.points }),
  createdAt: Timestamp,
})

export const uploadPoints = operation({
  id: 'uploadPoints',
  method: 'POST',
  path: '/v1/campaigns/{id}/uploads',
  tag: 'campaigns',
  summary: 'Upload points to drop envelopes at',
  description:
    'CSV in UTF-8 whose header names `lat` and `lng` among other columns, separated by commas, semicolons or tabs; ' +
    'or a GeoJSON FeatureCollection of Points. Each point lies in the campaign and outside of exclusion areas. What ' +
    'is wrong is named by row: `/rows/17/lat`, the header being row 1, or `/features/16/geometry/coordinates`, the ' +
    'first being 0. The same points again are the same upload. Preview and drop with the strategy `uploaded`.',
  callers: ['merchant'],
  scope: 'campaigns',
  consumes: ['text/csv', 'application/geo+json'],
  params: Shape({ id: Uuid }),
  query: Shape({ crs: Type.Optional(Crs) }),
  answers: { 201: Upload },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'not_found', 'campaign_state', 'upload_refused'],
})
