/** Making, verifying and revoking API keys. Two live keys are what a rotation needs: add one, move over, revoke one. */
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { type Scope, scopes } from '#protocol/operation.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { MerchantCaller } from '../players/caller.ts'
import { type ApiKey, createSecret, hashSecret, isSecretOf, modeOf } from './api-key.ts'
import type { MerchantRecord } from './merchant.ts'

export type KeyPorts = { sandbox: boolean; merchants: MerchantRecord; clock: Clock; random: Random }

export type NewKey = { apiKey: ApiKey; secret: string }

/** Adds a key without counting: for a merchant that has none. */
export async function addKey(
  ports: KeyPorts,
  tx: Tx,
  of: { merchantId: string; scopes: readonly Scope[] },
): Promise<NewKey> {
  const { secret, prefix, hash } = createSecret(modeOf(ports), ports.random)
  const apiKey = { ...of, id: createId(ports), prefix, createdAtMs: ports.clock.nowMs() }
  await ports.merchants.addKey(tx, { ...apiKey, hash })
  return { apiKey, secret }
}

/** A till's key stays where it is while others are rotated, so the two are counted apart. */
const isTillKey = ({ scopes }: { scopes: readonly Scope[] }) => scopes.every(scope => scope === 'till')

/** Adds a key unless two are live, or twenty of tills. Any scopes: who may manage keys may do everything anyway. */
export async function rotateKey(
  ports: KeyPorts,
  tx: Tx,
  request: { merchantId: string; scopes: readonly Scope[] },
): Promise<({ status: 'created' } & NewKey) | Refusal> {
  // The lock and the count are separate statements: the count sees what the lock waited for.
  await ports.merchants.lockKeys(tx, request.merchantId)
  const keys = await ports.merchants.listKeys(tx, request.merchantId)
  const { liveKeys, tillKeys } = limits.merchant
  const isTill = isTillKey(request)
  const live = keys.filter(key => key.revokedAtMs === undefined && isTillKey(key) === isTill)
  if (live.length >= (isTill ? tillKeys : liveKeys)) return refuse('key_limit')
  return { status: 'created', ...(await addKey(ports, tx, request)) }
}

/** Of one merchant, all that live, and a new one for everything: where keys were lost, or leaked. */
export async function replaceKeys(
  ports: KeyPorts,
  tx: Tx,
  merchantId: string,
): Promise<{ revokedIds: string[] } & NewKey> {
  await ports.merchants.lockKeys(tx, merchantId)
  const keys = await ports.merchants.listKeys(tx, merchantId)
  const revokedIds = keys.filter(key => key.revokedAtMs === undefined).map(({ id }) => id)
  const nowMs = ports.clock.nowMs()
  for (const id of revokedIds) await ports.merchants.revokeKey(tx, { id, merchantId, nowMs })
  return { revokedIds, ...(await addKey(ports, tx, { merchantId, scopes })) }
}

export type KeyVerifier = {
  /** Whose key a secret is, or nothing unless it is live. */
  verify(secret: string): Promise<MerchantCaller | undefined>
  /** The key is read again before it is trusted: it was revoked. */
  forget(keyId: string): void
  /** Every key is: something may have been missed. */
  forgetAll(): void
}

export type VerifierPorts = {
  sandbox: boolean
  merchants: MerchantRecord
  database: Tx
  clock: Clock
  log: Logger
}

/** A revoked key is dead within 5 s even where nobody heard of it: no server trusts what it read longer than this. */
const trustedForMs = 3_000
const trustedKeys = 10_000
const touchEveryMs = 60_000

/** Says whose key a secret is; its last use is noted once a minute, behind the answer. */
export function createKeyVerifier(ports: VerifierPorts): KeyVerifier {
  const { merchants, database, clock, log } = ports
  const trusted = new LRUCache<string, { caller: MerchantCaller; untilMs: number }>({ max: trustedKeys })
  /** What was read before a revocation is not trusted after it. */
  let revocations = 0

  function noteUse({ id, lastUsedAtMs = 0 }: ApiKey, nowMs: number): void {
    if (nowMs - lastUsedAtMs < touchEveryMs) return
    merchants.touchKey(database, { id, nowMs }).catch((error: unknown) => {
      log.warn({ err: error, keyId: id }, 'the last use of a key was not noted')
    })
  }

  async function verify(secret: string): Promise<MerchantCaller | undefined> {
    if (!isSecretOf(modeOf(ports), secret)) return undefined
    const hash = hashSecret(secret)
    const digest = hash.toString('base64')
    const nowMs = clock.nowMs()
    const known = trusted.get(digest)
    if (known !== undefined && nowMs < known.untilMs) return known.caller
    const before = revocations
    const key = await merchants.findLiveKey(database, hash)
    if (key === undefined) {
      trusted.delete(digest)
      return undefined
    }
    const caller: MerchantCaller = {
      kind: 'merchant',
      id: key.merchantId,
      keyId: key.id,
      scopes: key.scopes,
    }
    if (before === revocations) trusted.set(digest, { caller, untilMs: nowMs + trustedForMs })
    noteUse(key, nowMs)
    return caller
  }

  return {
    verify,
    forget(keyId) {
      revocations++
      for (const [digest, { caller }] of trusted.entries()) if (caller.keyId === keyId) trusted.delete(digest)
    },
    forgetAll() {
      revocations++
      trusted.clear()
    },
  }
}
