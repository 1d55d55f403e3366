/** Making and verifying API keys. Two live keys are what a rotation needs: add one, move over, revoke the other. */
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import type { Scope } from '#protocol/operation.ts'
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
  { merchantId, scopes }: { merchantId: string; scopes: readonly Scope[] },
): Promise<NewKey> {
  const { secret, prefix, hash } = createSecret(modeOf(ports), ports.random)
  const apiKey = { id: createId(ports), merchantId, prefix, scopes, createdAtMs: ports.clock.nowMs() }
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

export type VerifyApiKey = (secret: string) => Promise<MerchantCaller | undefined>

export type VerifierPorts = {
  sandbox: boolean
  merchants: MerchantRecord
  database: Tx
  clock: Clock
  log: Logger
}

/** A revoked key is dead within 5 s everywhere: no server trusts what it read longer than this. */
const trustedForMs = 3_000
const trustedKeys = 10_000
const touchEveryMs = 60_000

/** Says whose key a secret is, or nothing unless it is live; the last use is noted once a minute, behind the answer. */
export function createKeyVerifier(ports: VerifierPorts): VerifyApiKey {
  const { merchants, database, clock, log } = ports
  const trusted = new LRUCache<string, { caller: MerchantCaller; untilMs: number }>({ max: trustedKeys })

  function noteUse({ id, lastUsedAtMs = 0 }: ApiKey, nowMs: number): void {
    if (nowMs - lastUsedAtMs < touchEveryMs) return
    merchants.touchKey(database, { id, nowMs }).catch((error: unknown) => {
      log.warn({ err: error, keyId: id }, 'the last use of a key was not noted')
    })
  }

  return async secret => {
    if (!isSecretOf(modeOf(ports), secret)) return undefined
    const hash = hashSecret(secret)
    const digest = hash.toString('base64')
    const nowMs = clock.nowMs()
    const known = trusted.get(digest)
    if (known !== undefined && nowMs < known.untilMs) return known.caller
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
    trusted.set(digest, { caller, untilMs: nowMs + trustedForMs })
    noteUse(key, nowMs)
    return caller
  }
}
