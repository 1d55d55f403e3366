/**
 * Who is calling. The credential's prefix says which kind it is, so no credential is ever tried as another kind: `hbk_`
 * is a merchant's key, `hbo_` the operator's, anything else a player's token. Refusals in this order: no or no valid
 * credential (401), a kind that the operation is not for (403), a key without the scope (403), a player's device (422),
 * which is neither judged nor bound where the operation is not for players.
 */
import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Awaitable } from '#platform/awaitable.ts'
import { createBatcher } from '#platform/batch.ts'
import { createFading } from '#platform/fading.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Database } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { Caller, MerchantCaller, PlayerCaller } from './caller.ts'
import { createDeviceUse, deviceIdOf, type DeviceRecord } from './device.ts'
import type { Identity, Player, PlayerRecord } from './player.ts'
import { createTokenVerifier, type TokenSettings } from './token.ts'

export type Authenticator = {
  /** The binder's `authenticate`: the caller, at once if known already, or a 401 or 403, or 422 for the device. */
  authenticate(
    authorization: string | undefined,
    operation: Operation,
    device?: string,
  ): Awaitable<Caller | Refusal>
  /** For the socket: a bare player token, without `Bearer`, and the device that the client names. */
  authenticatePlayerToken(token: string, device?: string): Promise<PlayerCaller | Refusal>
  /** The player's tokens are looked up again, here and now. */
  forget(playerId: string): void
}

export type AuthenticatorPorts = {
  jwt: TokenSettings
  operatorKey: string
  /** The merchants' key verifier: nothing unless the key is live. */
  verifyApiKey: (secret: string) => Promise<MerchantCaller | undefined>
  players: PlayerRecord
  devices: DeviceRecord
  database: Database
  clock: Clock
  random: Random
}

const bearer = /^Bearer +([\x21-\x7e]+)$/i

export function createAuthenticator(ports: AuthenticatorPorts): Authenticator {
  const { findPlayer, forget } = createPlayerAuthentication(ports)
  const useDevice = createDeviceUse(ports)
  const operatorDigest = digestOf(ports.operatorKey)

  async function identifyMerchant(key: string): Promise<MerchantCaller | Refusal> {
    const merchant = await ports.verifyApiKey(key)
    return merchant ?? refuse('unauthorized', { detail: 'The merchant key is unknown or revoked.' })
  }

  function identify(credential: string): Awaitable<Caller | Refusal> {
    if (credential.startsWith('hbk_')) return identifyMerchant(credential)
    if (credential.startsWith('hbo_')) {
      return timingSafeEqual(digestOf(credential), operatorDigest)
        ? { kind: 'operator', id: 'operator' }
        : refuse('unauthorized', { detail: 'The operator key is wrong.' })
    }
    return findPlayer(credential)
  }

  return {
    async authenticatePlayerToken(token, device) {
      const player = await findPlayer(token)
      return 'code' in player ? player : useDevice(player, device)
    },
    forget,
    authenticate(authorization, operation, device) {
      const credential = bearer.exec(authorization ?? '')?.[1]
      if (credential === undefined) {
        return refuse('unauthorized', { detail: 'Send `Authorization: Bearer …`.' })
      }
      const judge = (caller: Caller | Refusal) => {
        const permitted = 'code' in caller ? caller : permit(caller, operation)
        return !('code' in permitted) && permitted.kind === 'player'
          ? useDevice(permitted, device)
          : permitted
      }
      const caller = identify(credential)
      return caller instanceof Promise ? caller.then(judge) : judge(caller)
    },
  }
}

function permit(caller: Caller, { callers, scope }: Operation): Caller | Refusal {
  if (!callers.includes(caller.kind)) {
    const detail = `This is for a ${callers.join(' or ')}, not for a ${caller.kind}.`
    return refuse('forbidden', { reason: 'wrong_caller', detail })
  }
  if (caller.kind === 'merchant' && scope !== undefined && !caller.scopes.includes(scope)) {
    return refuse('forbidden', { reason: 'scope_missing', detail: `This key lacks the scope ${scope}.` })
  }
  return caller
}

type Remembered = { player: PlayerCaller; untilMs: number }

/** Who asks for nothing is looked up again when they do, as an open socket is every two minutes anyhow. */
const rememberedTokens = { most: 100_000, afterMs: 20_000 }
/** A crowd that this server does not know is looked up together. */
const looking = { maxSize: 200, concurrency: 2 }
/**
 * A signing key that the provider withdraws stops counting within this time, whatever `exp` says, and a ban that this
 * server did not hear of begins to count. An open socket asks as often: it is closed after twice this time at most.
 */
const rememberedForMs = limits.socket.verifyEveryMs

/** Verified tokens are remembered by the digest of the whole token: no other token can ever find them. */
function createPlayerAuthentication(ports: AuthenticatorPorts): {
  /** On the device that the token names, if any. */
  findPlayer(token: string): Awaitable<PlayerCaller | Refusal>
  forget: Authenticator['forget']
} {
  const { players, database, clock } = ports
  const verifyToken = createTokenVerifier(ports.jwt, ports)
  const find = createBatcher<Identity, Player | undefined>({
    ...looking,
    clock,
    run: identities => players.findAll(database, identities),
  })
  const add = (identity: Identity) =>
    players.addOrFind(database, identity, { id: createId(ports), nowMs: clock.nowMs() })
  const remembered = createFading<string, Remembered>({ ...rememberedTokens, clock })
  /** What was read before a ban is not remembered after it. */
  let bans = 0

  function findPlayer(token: string): Awaitable<PlayerCaller | Refusal> {
    const digest = hash('sha256', token, 'base64')
    const nowMs = clock.nowMs()
    const known = remembered.get(digest)
    return known !== undefined && nowMs < known.untilMs ? known.player : lookUp(token, { digest, nowMs })
  }

  async function lookUp(
    token: string,
    { digest, nowMs }: { digest: string; nowMs: number },
  ): Promise<PlayerCaller | Refusal> {
    const bansBefore = bans
    const verdict = await verifyToken(token)
    if (verdict.status === 'invalid') return refuse('unauthorized', { detail: verdict.detail })
    const { expiresAtMs, deviceId, isMinor = false } = verdict.claims
    const { id, timeScale, ban } = (await find(verdict.claims)) ?? (await add(verdict.claims))
    if (ban !== undefined) return refuse('banned')
    const player: PlayerCaller = {
      kind: 'player',
      id,
      timeScale,
      ...(deviceId === undefined ? {} : { deviceId: deviceIdOf('token', deviceId) }),
      ...(isMinor && { isMinor }),
    }
    const untilMs = Math.min(expiresAtMs, nowMs + rememberedForMs)
    if (bans === bansBefore) remembered.set(digest, { player, untilMs })
    return player
  }

  return {
    findPlayer,
    forget(playerId) {
      bans++
      remembered.deleteWhere(({ player }) => player.id === playerId)
    },
  }
}

const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
