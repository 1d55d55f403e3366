/**
 * What goes wrong in a run: a plan drawn from the seed, and a count of what really happened. Some faults are done to
 * the world at their moment; others wait for the next call or failpoint that they fit.
 */
import { type Failpoint, failpoints } from '../../src/claims/failpoints.ts'
import type { Dice } from './dice.ts'
import type { MemoryTx } from './memory-postgres.ts'

export const deeds = [
  'crash anywhere',
  'outbox lost',
  'key lost',
  'field lost',
  'field broken',
  'share broken',
  'bad row',
  'rollback',
  'flush',
  'failover',
  'two primaries',
  'PostgreSQL down',
  'frozen process',
  'clock step',
] as const

const traps = [
  'Redis request lost',
  'Redis reply lost',
  'Redis reply late',
  'PostgreSQL reply lost',
  'PostgreSQL reply late',
  'COMMIT unknown, applied',
  'COMMIT unknown, not applied',
] as const

export type Deed = (typeof deeds)[number]
type Trap = (typeof traps)[number]
export type FaultKind = Deed | Trap | `crash ${Failpoint}`

export const faultKinds: readonly FaultKind[] = [
  ...deeds,
  ...traps,
  ...failpoints.map(point => `crash ${point}` as const),
]

export type RedisFate = 'none' | 'lost_request' | 'lost_reply' | 'slow_reply'
export type PostgresFate = 'none' | 'lost_reply' | 'slow_reply'
export type CommitFate = 'none' | 'unknown_applied' | 'unknown_lost'

export type Faults = ReturnType<typeof createFaults>

export function createFaults(dice: Dice, note: (what: () => string) => void) {
  const happened = new Map<FaultKind, number>()
  const armed = new Map<FaultKind, number>()
  let isArmed = false
  let total = 0
  const count = (kind: FaultKind): void => {
    total += 1
    happened.set(kind, (happened.get(kind) ?? 0) + 1)
    note(() => `fault: ${kind}`)
  }
  /** Whether the trap is set and this is the call that it falls on. */
  const springs = (kind: FaultKind): boolean => {
    const left = armed.get(kind) ?? 0
    if (left === 0 || !dice.chance(0.5)) return false
    armed.set(kind, left - 1)
    count(kind)
    return true
  }
  return {
    happened: happened as ReadonlyMap<FaultKind, number>,
    total: () => total,
    count,
    arm(kind: FaultKind): void {
      armed.set(kind, (armed.get(kind) ?? 0) + 1)
      isArmed = true
    },
    disarm(): void {
      armed.clear()
      isArmed = false
    },
    isDeadly: (point: Failpoint, _server: string): boolean => isArmed && springs(`crash ${point}`),
    drawRedisFate(): RedisFate {
      if (!isArmed) return 'none'
      if (springs('Redis request lost')) return 'lost_request'
      if (springs('Redis reply lost')) return 'lost_reply'
      return springs('Redis reply late') ? 'slow_reply' : 'none'
    },
    drawPostgresFate(): PostgresFate {
      if (!isArmed) return 'none'
      if (springs('PostgreSQL reply lost')) return 'lost_reply'
      return springs('PostgreSQL reply late') ? 'slow_reply' : 'none'
    },
    /** Only a transaction that changes something is worth the doubt. */
    drawCommitFate(tx: MemoryTx): CommitFate {
      if (!isArmed || tx.rows.length === 0) return 'none'
      if (springs('COMMIT unknown, applied')) return 'unknown_applied'
      return springs('COMMIT unknown, not applied') ? 'unknown_lost' : 'none'
    },
  }
}

export type Planned = { atMs: number; kind: FaultKind }

/** Five to ten faults, half of them crashes at failpoints. */
export function planFaults(dice: Dice, lengthMs: number): Planned[] {
  return Array.from({ length: dice.between(5, 10) }, () => ({
    atMs: dice.between(200, lengthMs),
    kind: dice.chance(0.4) ? (`crash ${dice.pick(failpoints)}` as const) : dice.pick([...deeds, ...traps]),
  }))
}

export const isDeed = (kind: FaultKind): kind is Deed => (deeds as readonly string[]).includes(kind)
