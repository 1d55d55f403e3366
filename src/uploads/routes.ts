/** HTTP: files of points. */
import { uploadPoints } from '#protocol/rest/uploads.ts'
import type { Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import type { UploadVerb } from './upload-points.ts'

export const registerUploadRoutes = (bind: Bind<Caller>, upload: UploadVerb): void =>
  bind(uploadPoints, ({ caller, params, query, file }) =>
    upload({ caller, id: params.id, file, crs: query.crs ?? 'wgs84' }),
  )
