/** HTTP: asking for payouts, looking at them, and the word of the operator or the provider on how they ended. */
import {
  endPayout as endOperation,
  getPayout,
  listPayouts,
  listPayoutsByStatus,
  reportPayout,
  requestPayout as requestOperation,
} from '#protocol/rest/payouts.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { announceEnd, endPayout } from './end.ts'
import type { Payout, PayoutRecord } from './payout.ts'
import { type RequestPorts, requestPayout } from './request.ts'

export type PayoutRoutePorts = RequestPorts & {
  record: PayoutRecord
  database: Database
  announcer: Pick<Announcer, 'toPlayer'>
}

export function registerPayoutRoutes(bind: Bind<Caller>, ports: PayoutRoutePorts): void {
  bindOwners(bind, ports)
  bindOperators(bind, ports)

  bind(reportPayout, async ({ body: { type, data } }) => {
    const { payoutId: id, ...texts } = data
    const end = { ...texts, outcome: type === 'payout.paid' ? ('paid' as const) : ('failed' as const) }
    const ended = await ports.database.transact(tx =>
      endPayout(ports, tx, { id, pointer: '/body/data', end }),
    )
    if (isRefusal(ended)) return ended
    if (ended.status === 'ended') announceEnd(ports.announcer, ended.payout)
    return answer(200, describePayout(ended.payout))
  })
}

function bindOwners(bind: Bind<Caller>, ports: PayoutRoutePorts): void {
  const { database, record } = ports

  bind(requestOperation, ({ caller, body, idempotencyKey }) => {
    const { amount, destination } = body
    const { id, kind } = caller
    const request = { tenant: `${kind}:${id}`, operation: requestOperation.id, key: idempotencyKey, body }
    return runOnce(database, { ...request, nowMs: ports.clock.nowMs() }, async tx => {
      const amountMinor = BigInt(amount.amountMinor)
      const isMinor = caller.kind === 'player' && caller.isMinor === true
      const order = { owner: { kind, id }, amountMinor, currency: amount.currency, destination, isMinor }
      const outcome = await requestPayout(ports, tx, order)
      return isRefusal(outcome) ? outcome : answer(201, describePayout(outcome.payout))
    })
  })

  bind(listPayouts, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const payouts = await record.listOwn(database, caller.id, page)
    const request = { path: listPayouts.path, limit: page.limit }
    return answer(200, toPage(payouts, request, { item: describePayout, key: keyOf }))
  })

  bind(getPayout, async ({ caller, params }) => {
    const payout = await record.find(database, params.id)
    const isTheirs = payout?.owner.kind === caller.kind && payout.owner.id === caller.id
    return payout !== undefined && isTheirs ? answer(200, describePayout(payout)) : refuse('not_found')
  })
}

function bindOperators(bind: Bind<Caller>, ports: PayoutRoutePorts): void {
  const { database, record } = ports

  bind(listPayoutsByStatus, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const { status = 'reserved' } = query
    const payouts = await record.listByState(database, status, page)
    const request = { path: listPayoutsByStatus.path, limit: page.limit, filter: { status } }
    return answer(200, toPage(payouts, request, { item: describeForOperator, key: keyOf }))
  })

  bind(endOperation, async ({ caller, params, body, idempotencyKey }) => {
    const { id } = params
    // The payout is part of the request: the same key and outcome for another payout is another request.
    const request = {
      tenant: caller.id,
      operation: endOperation.id,
      key: idempotencyKey,
      body: { id, ...body },
    }
    let ended: Payout | undefined
    const outcome = await runOnce(database, { ...request, nowMs: ports.clock.nowMs() }, async tx => {
      const end = await endPayout(ports, tx, { id, pointer: '/body', end: body })
      if (isRefusal(end)) return end
      if (end.status === 'ended') ended = end.payout
      return answer(200, describeForOperator(end.payout))
    })
    if (ended !== undefined && !isRefusal(outcome)) announceEnd(ports.announcer, ended)
    return outcome
  })
}

const keyOf = ({ createdAtMs, id }: Payout) => ({ atMs: createdAtMs, id })

const describePayout = (payout: Payout) => ({
  id: payout.id,
  status: payout.state,
  amount: { amountMinor: String(payout.amountMinor), currency: payout.currency },
  ...(payout.destination === undefined ? {} : { destination: payout.destination }),
  ...(payout.reason === undefined ? {} : { reason: payout.reason }),
  ...(payout.reference === undefined ? {} : { reference: payout.reference }),
  createdAt: new Date(payout.createdAtMs).toISOString(),
  ...(payout.endedAtMs === undefined ? {} : { endedAt: new Date(payout.endedAtMs).toISOString() }),
})

const describeForOperator = (payout: Payout) => ({
  ...describePayout(payout),
  owner: payout.owner.kind === 'player' ? { playerId: payout.owner.id } : { merchantId: payout.owner.id },
  tries: payout.tries,
})
