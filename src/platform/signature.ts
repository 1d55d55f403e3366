/**
 * Signed requests by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and the bytes of the body, so
 * that neither can be changed nor an old one be sent again after five minutes. A sender who is changing secrets signs
 * with both: one right signature is enough.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import type { Clock } from './clock.ts'
import { type Refusal, refuse } from './problem.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type SignedMessage = { id: string; timestampS: string; body: string | Uint8Array }

/** `whsec_` and base64, as the specification writes secrets; any other text is its own key. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)

/** One signature as the header carries it. */
export const signMessage = (secret: string, { id, timestampS, body }: SignedMessage): string =>
  `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${timestampS}.`).update(body).digest('base64')}`

/** More than a rotation needs; each one more costs a comparison. */
const mostSignatures = 10

/** Nothing where the message is genuine and fresh; `unauthorized`, with what is wrong, otherwise. */
export function judgeSignature(
  { secret, nowMs }: { secret: string; nowMs: number },
  headers: Headers,
  body: Uint8Array,
): Refusal | undefined {
  const id = headers['webhook-id']
  const timestampS = headers['webhook-timestamp']
  const signatures = headers['webhook-signature']
  if (typeof id !== 'string' || typeof timestampS !== 'string' || typeof signatures !== 'string') {
    return refuse('unauthorized', { detail: 'Send webhook-id, webhook-timestamp and webhook-signature.' })
  }
  const ageMs = nowMs - Number(timestampS) * 1_000
  if (!/^\d{1,12}$/.test(timestampS) || Math.abs(ageMs) > limits.payout.callbackToleranceMs) {
    return refuse('unauthorized', { detail: 'The timestamp is more than five minutes off.' })
  }
  const expected = Buffer.from(signMessage(secret, { id, timestampS, body }))
  const isGenuine = signatures
    .split(' ')
    .slice(0, mostSignatures)
    .some(signature => isEqual(Buffer.from(signature), expected))
  return isGenuine ? undefined : refuse('unauthorized', { detail: 'No signature is right.' })
}

const isEqual = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)

/** The binder's `verifySignature`, where there is a secret to verify with. */
export const createSignatureCheck = ({
  secret,
  clock,
}: {
  secret: string | undefined
  clock: Pick<Clock, 'nowMs'>
}) =>
  secret === undefined
    ? {}
    : {
        verifySignature: (headers: Headers, body: Uint8Array) =>
          judgeSignature({ secret, nowMs: clock.nowMs() }, headers, body),
      }
