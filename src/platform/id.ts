/** Ids are UUIDv7: sorted by time for the indexes, random enough to be unguessable, and never a place or a count. */
import { hash } from 'node:crypto'
import { v7 as uuidV7 } from 'uuid'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export const createId = ({ clock, random }: { clock: Clock; random: Random }): string =>
  uuidV7({ msecs: clock.nowMs(), random: random.bytes(16) })

/** A UUIDv5, for what is named by the thousand: the package takes three times as long. */
export function nameId(name: string, namespace: string): string {
  const space = Buffer.from(namespace.replaceAll('-', ''), 'hex')
  const digits = hash('sha1', Buffer.concat([space, Buffer.from(name)]), 'hex')
  const variant = '89ab'.charAt(Number.parseInt(digits.charAt(16), 16) & 3)
  const [high, low] = [digits.slice(13, 16), digits.slice(17, 20)]
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${high}-${variant}${low}-${digits.slice(20, 32)}`
}
