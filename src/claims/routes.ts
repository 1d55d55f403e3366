/** Claims over HTTP: grab a share, look back; and, for the operator, what could not be settled. */
import { claimEnvelope, getClaim, revealEnvelope } from '#protocol/rest/claims.ts'
import { thankHider as thankOperation } from '#protocol/rest/claims.ts'
import { listClaims as listClaimsOperation } from '#protocol/rest/claims.ts'
import { listDeadLetters, replayDeadLetters as replayOperation } from '#protocol/rest/operator.ts'
import { limits } from '#protocol/limits.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import type { ClaimVerb } from './claim.ts'
import { claimsOf, type DeadLetter, faultOf, replayDeadLetters, type ReplayPorts } from './dead-letters.ts'
import { describeAnswer, describeRemembered, describeReveal } from './describe.ts'
import { findClaim, listClaims, thanksRecord } from './postgres.ts'
import type { Claim } from './record.ts'
import type { RevealVerb } from './reveal.ts'
import type { SettledBatch } from './settle.ts'
import { thankHider, type ThankPorts } from './thank.ts'

export type ClaimRoutePorts = Omit<ThankPorts, 'tx' | 'record'> & {
  claim: ClaimVerb
  reveal: RevealVerb
  database: Database
}

export function registerClaimRoutes(bind: Bind<Caller>, ports: ClaimRoutePorts): void {
  const { claim, reveal, database } = ports
  bind(revealEnvelope, async ({ caller, params, body }) =>
    describeReveal(await reveal(caller, { envelopeId: params.id, ...body })),
  )

  bind(claimEnvelope, async ({ caller, params, body, waits }) =>
    describeAnswer(await claim(caller, { envelopeId: params.id, waits, ...body })),
  )

  bind(thankOperation, ({ caller, params, body }) =>
    thankHider(
      { ...ports, tx: database, record: thanksRecord },
      {
        playerId: caller.id,
        claimId: params.id,
        text: body.text,
      },
    ),
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

export type DeadLetterRoutePorts = ReplayPorts & {
  database: Database
  onSettled: (batch: SettledBatch) => void
  onLateWin: (claim: Claim) => void
}

export function registerDeadLetterRoutes(bind: Bind<Caller>, ports: DeadLetterRoutePorts): void {
  const { database, letters, clock } = ports

  bind(listDeadLetters, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const rows = await letters.listLetters(database, page)
    const request = { path: listDeadLetters.path, limit: page.limit }
    const key = ({ updatedAtMs, id }: DeadLetter) => ({ atMs: updatedAtMs, id })
    return answer(200, toPage(rows, request, { item: describeLetter, key }))
  })

  bind(replayOperation, async ({ caller, body, idempotencyKey }) => {
    const request = { tenant: caller.id, operation: replayOperation.id, key: idempotencyKey, body }
    let announce = () => {}
    const outcome = await runOnce(database, { ...request, nowMs: clock.nowMs() }, async tx => {
      const order = { ids: body.ids, reason: body.reason, limit: limits.operator.replayedAtOnce }
      const replay = await replayDeadLetters(ports, tx, order)
      announce = () => {
        replay.batches.forEach(ports.onSettled)
        claimsOf(replay).forEach(ports.onLateWin)
      }
      const items = replay.answers.map(({ id, restored }) => {
        const fault = faultOf(restored)
        const claim = 'claim' in restored ? { claimId: restored.claim.id } : {}
        return { id, status: restored.status, ...claim, ...(fault !== undefined && { fault }) }
      })
      return answer(200, { items, left: replay.left })
    })
    if (!isRefusal(outcome)) announce()
    return outcome
  })
}

function describeLetter({ id, entry, fault, attempts, buriedAtMs, updatedAtMs }: DeadLetter) {
  const { envelopeId, playerId, shareNo } = entry
  return {
    ...{ id, envelopeId, playerId, shareNo, fault, attempts },
    ...(buriedAtMs !== undefined && { buriedAt: new Date(buriedAtMs).toISOString() }),
    updatedAt: new Date(updatedAtMs).toISOString(),
  }
}
