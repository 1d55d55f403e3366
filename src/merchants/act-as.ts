/**
 * A merchant's request acts as that merchant: what its handler reads and writes are the merchant's rows, and what it
 * changes is noted with the key, in the transaction of the change. Both follow from the request and not from the
 * handler, so no operation can leave them out.
 */
import type { Operation } from '#protocol/operation.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Random } from '#platform/random.ts'
import { inNameOf } from '#platform/tenant.ts'
import type { Caller, MerchantCaller } from '../players/caller.ts'
import type { NoteMerchantAction } from './merchant.ts'

export type ActAsPorts = { noteAction: NoteMerchantAction; clock: Clock; random: Random }

type Request = { operation: Operation; params: unknown }

/** Runs what a handler does in its caller's name; players and the operator have none here. */
export type ActAs = <T>(caller: Caller, request: Request, run: () => T) => T

export const createActAs =
  (ports: ActAsPorts): ActAs =>
  (caller, request, run) => {
    if (caller.kind !== 'merchant') return run()
    const named = { tenantId: caller.id }
    if (request.operation.method === 'GET') return inNameOf(named, run)
    return inNameOf({ ...named, note: (tx, value) => note(ports, tx, { caller, request, value }) }, run)
  }

async function note(
  ports: ActAsPorts,
  tx: Parameters<NoteMerchantAction>[0],
  { caller, request, value }: { caller: MerchantCaller; request: Request; value: unknown },
): Promise<void> {
  if (isRefused(value)) return
  await ports.noteAction(tx, {
    ...{ id: createId(ports), merchantId: caller.id, keyId: caller.keyId },
    operation: request.operation.id,
    target: { ...idOfMade(value), ...(request.params as object | undefined) },
    atMs: ports.clock.nowMs(),
  })
}

const isRefused = (value: unknown): boolean =>
  (value as { status?: unknown } | undefined)?.status === 'refused'

/** The id in an answer is that of what was made, or changed. */
function idOfMade(value: unknown): { id?: string } {
  const { body } = (value ?? {}) as { body?: { id?: string; apiKey?: { id: string } } }
  const id = body?.id ?? body?.apiKey?.id
  return id === undefined ? {} : { id }
}
