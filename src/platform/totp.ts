/**
 * One-time codes of the time: RFC 6238 (TOTP) over RFC 4226 (HOTP), six digits, HMAC-SHA-256, steps of 30 s since 1970.
 * SHA-256 and not the usual SHA-1, because no authenticator app has to make these: whoever shows one asks us for it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import type { Random } from './random.ts'

export const STEP_MS = limits.code.stepMs
/** Before and behind the step of the moment: a person reads, walks and types. */
const STEPS_AROUND = limits.code.stepsAround
const CODE_DIGITS = 6
/** As long as the hash, which RFC 4226 recommends. */
const SECRET_BYTES = 32

export const createTotpSecret = (random: Random): Buffer => Buffer.from(random.bytes(SECRET_BYTES))

export const stepAt = (nowMs: number): number => Math.floor(nowMs / STEP_MS)

export function codeOf(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha256', secret).update(counter).digest()
  const offset = mac.readUInt8(mac.length - 1) & 15
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** CODE_DIGITS).padStart(CODE_DIGITS, '0')
}

/** The step whose code was sent, if it counts now. All candidates are compared, each in constant time. */
export function findStep(secret: Buffer, sent: string, nowMs: number): number | undefined {
  const bytes = Buffer.from(sent)
  const now = stepAt(nowMs)
  let found: number | undefined
  for (let step = now - STEPS_AROUND; step <= now + STEPS_AROUND; step++) {
    const code = Buffer.from(codeOf(secret, step))
    if (bytes.length === code.length && timingSafeEqual(bytes, code)) found = step
  }
  return found
}
