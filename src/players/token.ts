/**
 * Player tokens (RFC 7519): HS256 with our own secret, or the key set of an identity provider. The algorithms follow
 * from which of the two is configured and never from the token, so a public key can never serve as an HMAC secret;
 * `iss`, `aud`, `exp` and `sub` are required (RFC 8725, 3.1 and 3.8 to 3.10).
 */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '#platform/clock.ts'
import { Unavailable } from '#platform/problem.ts'

export type TokenSettings = {
  /** Exactly one of the two is set. */
  secret: string | undefined
  jwksUrl: string | undefined
  issuer: string
  audience: string
}

export type Claims = {
  issuer: string
  subject: string
  expiresAtMs: number
  /** The `did` claim, where the identity provider names the device. */
  deviceId?: string
  /** The `minor` claim: the player is under age. */
  isMinor?: boolean
}

export type TokenVerdict = { status: 'valid'; claims: Claims } | { status: 'invalid'; detail: string }

/** Throws {@link Unavailable} when the key set cannot be fetched: the token may well be good. */
export type VerifyToken = (token: string) => Promise<TokenVerdict>

/** Phones and servers disagree by seconds. */
const toleranceS = 5
const longestToken = 8_192
const longestName = 255

const jwksCache = { cooldownDuration: 30_000, cacheMaxAge: 600_000, timeoutDuration: 3_000 }

export function createTokenVerifier(settings: TokenSettings, { clock }: { clock: Clock }): VerifyToken {
  const { key, algorithms } = keySource(settings)
  return async token => {
    if (token.length > longestToken) return { status: 'invalid', detail: 'The token is too long.' }
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms,
        issuer: settings.issuer,
        audience: settings.audience,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: toleranceS,
        currentDate: new Date(clock.nowMs()),
      })
      return readClaims(payload, settings.issuer)
    } catch (error) {
      return judgeFault(error)
    }
  }
}

function keySource({ secret, jwksUrl }: TokenSettings): { key: JWTVerifyGetKey; algorithms: string[] } {
  if (jwksUrl !== undefined) {
    const key = createRemoteJWKSet(new URL(jwksUrl), jwksCache)
    return { key, algorithms: ['RS256', 'ES256', 'EdDSA'] }
  }
  if (secret === undefined) throw new Error('player tokens need a secret or the address of a key set')
  const key = importSecret(secret)
  return { key: () => key, algorithms: ['HS256'] }
}

/** Once: given the bytes, jose would do it for every token, which is a third of what verifying one takes. */
const importSecret = (secret: string) =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])

/** The provider's signature covers the claims, but not that they are of any use to us. */
function readClaims({ sub, exp, did, minor }: JWTPayload, issuer: string): TokenVerdict {
  if (!isName(sub)) return { status: 'invalid', detail: 'The token names no usable subject.' }
  if (typeof exp !== 'number') return { status: 'invalid', detail: 'The token does not expire.' }
  // Whatever else it says, somebody who meant to protect a child would rather be told.
  if (minor !== undefined && typeof minor !== 'boolean') {
    return { status: 'invalid', detail: 'The claim `minor` of the token is neither true nor false.' }
  }
  const isMinor = minor === true
  const claims = { issuer, subject: sub, expiresAtMs: exp * 1_000, ...(isMinor && { isMinor }) }
  if (did === undefined) return { status: 'valid', claims }
  if (!isName(did)) return { status: 'invalid', detail: 'The token names no usable device.' }
  return { status: 'valid', claims: { ...claims, deviceId: did } }
}

/** PostgreSQL's text holds anything but NUL. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longestName && !value.includes('\0')

function judgeFault(error: unknown): TokenVerdict {
  if (error instanceof errors.JWTExpired) return { status: 'invalid', detail: 'The token has expired.' }
  const isKeySetFault =
    !(error instanceof errors.JOSEError) ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  if (isKeySetFault) throw new Unavailable('the key set cannot be used', { cause: error })
  return { status: 'invalid', detail: 'The token is not valid.' }
}

export type IssueToken = (player: {
  id: string
  isMinor?: boolean
}) => Promise<{ token: string; expiresAtMs: number }>

const issuedForMs = 30 * 86_400_000

/** Sandbox: tokens for 30 days, signed with our own secret; `undefined` where an identity provider signs them. */
export function createTokenIssuer(
  { secret, issuer, audience }: TokenSettings,
  { clock }: { clock: Clock },
): IssueToken | undefined {
  if (secret === undefined) return undefined
  const key = importSecret(secret)
  return async ({ id, isMinor = false }) => {
    const issuedAtS = Math.floor(clock.nowMs() / 1_000)
    const expiresAtS = issuedAtS + issuedForMs / 1_000
    const token = await new SignJWT(isMinor ? { minor: true } : {})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(id)
      .setIssuedAt(issuedAtS)
      .setExpirationTime(expiresAtS)
      .sign(await key)
    return { token, expiresAtMs: expiresAtS * 1_000 }
  }
}
