/** Payouts over HTTP and their job, with a provider that a test can make fail. */
import type { Test } from 'tap'
import { createLogger } from '#platform/logger.ts'
import { signMessage } from '#platform/signature.ts'
import { postTransfers, walletRecord } from '../../src/ledger/postgres.ts'
import { handOverDue } from '../../src/payouts/hand-over.ts'
import { payoutRecord } from '../../src/payouts/postgres.ts'
import type { Order, PayoutProvider } from '../../src/payouts/provider.ts'
import { callbackSecret, createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { createWorld, type World } from '../helpers/world.ts'

export type Answered = { status: number; body: Record<string, unknown> }

export async function createPayoutStage(t: Test, world?: World) {
  const stageWorld = world ?? (await createWorld(t, { connections: 16 }))
  const { database, clock } = stageWorld
  const account = await createAccountApp(t, stageWorld)
  const { send, told } = account
  let keys = 0

  async function signUp(): Promise<{ id: string; credential: string }> {
    const { body } = await send({ method: 'POST', url: '/v1/players', body: {} })
    return { id: (body.player as { id: string }).id, credential: String(body.token) }
  }

  const ask = (credential: string, amountMinor: unknown, more: { key?: string; body?: object } = {}) =>
    send({
      ...{ method: 'POST', url: '/v1/payouts', credential, key: more.key ?? `ask-${keys++}` },
      body: { amount: { amountMinor, currency: 'CNY' }, ...more.body },
    })

  const decide = (id: string, body: object, key = `decide-${keys++}`) =>
    send({ method: 'POST', url: `/v1/operator/payouts/${id}/outcome`, credential: operatorKey, key, body })

  const reportOf = (payoutId: string, type: string, texts: object = {}) =>
    JSON.stringify({ type, timestamp: '2026-03-01T08:00:00Z', data: { payoutId, ...texts } })

  /** Sends a callback; `sign` replaces headers of the right signature. */
  function report(body: string, sign: Record<string, string | undefined> = {}) {
    const id = `msg-${keys++}`
    const timestampS = String(Math.floor(clock.nowMs() / 1_000))
    const signature = signMessage(callbackSecret, { id, timestampS, body })
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestampS, 'webhook-signature': signature }
    const sent = Object.entries({ ...headers, ...sign }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    )
    return send({ method: 'POST', url: '/v1/payouts/callback', headers: Object.fromEntries(sent), body })
  }

  const orders: Order[] = []
  const handOver = (submit: PayoutProvider['submit']) =>
    handOverDue({
      ...{ record: payoutRecord, database, clock, postTransfers, log: createLogger('silent') },
      announcer: { toPlayer: (playerId, frame) => told.push({ playerId, frame }) },
      provider: {
        submit: order => {
          orders.push(order)
          return submit(order)
        },
      },
    })

  const balanceOf = async (ownerId: string) =>
    (await walletRecord.listBalances(database, ownerId))[0]?.amountMinor

  return { ...account, world: stageWorld, signUp, ask, decide, reportOf, report, orders, handOver, balanceOf }
}
