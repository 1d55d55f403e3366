/** Claims over HTTP: grab a share, look back. */
import { claimEnvelope, getClaim, listClaims as listClaimsOperation } from '#protocol/rest/claims.ts'
import { answer, type Bind } from '#platform/http.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import type { ClaimVerb } from './claim.ts'
import { describeAnswer, describeRemembered } from './describe.ts'
import { findClaim, listClaims } from './postgres.ts'

export type ClaimRoutePorts = { claim: ClaimVerb; database: Database }

export function registerClaimRoutes(bind: Bind<Caller>, { claim, database }: ClaimRoutePorts): void {
  bind(claimEnvelope, async ({ caller, params, body }) =>
    describeAnswer(await claim(caller, { envelopeId: params.id, ...body })),
  )

  bind(getClaim, async ({ caller, params }) => {
    const found = await findClaim(database, params.id, caller.id)
    return found === undefined ? refuse('claim_not_settled') : answer(200, describeRemembered(found))
  })

  bind(listClaimsOperation, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const rows = await listClaims(database, caller.id, page)
    const body = toPage(
      rows,
      { path: listClaimsOperation.path, limit: page.limit },
      { item: describeRemembered, key: row => ({ atMs: row.claimedAtMs, id: row.id }) },
    )
    return answer(200, body)
  })
}
