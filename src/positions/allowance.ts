/** What is left of a player's quotas, as the player may know it. Pure. */
import { limits } from '#protocol/limits.ts'
import { unusedCells } from './cells.ts'
import { findCooldown } from './cooldown.ts'
import type { Pace } from './pace.ts'
import { DAY_MS, HOUR_MS, isOpen, type QuotaWindow } from './quotas.ts'
import type { Standing } from './standing.ts'
import { lastFixOf } from './track.ts'

export type Allowance = {
  left: { tries: number; claims: number; newCellsOfHour: number; newCellsOfDay: number }
  /** On the client's clock, until a claim is possible where the last accepted fix was; 0 for now. */
  cooldownMs: number
  /** Strikes pause rewards until then. */
  pausedUntilMs?: number
}

export function measureAllowance({ track, quotas, cells, struckUntilMs }: Standing, pace: Pace): Allowance {
  const { hour, day } = cells ?? unusedCells
  const leftOf = (window: QuotaWindow | undefined, lengthMs: number, limit: number) =>
    window !== undefined && isOpen(window, lengthMs, pace) ? Math.max(0, limit - window.count) : limit
  const last = lastFixOf(track)
  const cooldown = last && findCooldown(track, last.cell, pace)
  return {
    left: {
      tries: leftOf(quotas.triesOfDay, DAY_MS, limits.claim.failedTriesPerDay),
      claims: leftOf(quotas.permitsOfDay, DAY_MS, limits.claim.perDay),
      newCellsOfHour: leftOf(hour, HOUR_MS, limits.position.newCellsPerHour),
      newCellsOfDay: leftOf(day, DAY_MS, limits.position.newCellsPerDay),
    },
    cooldownMs: Math.ceil(cooldown?.retryAfterMs ?? 0),
    ...(struckUntilMs !== undefined && struckUntilMs > pace.nowMs && { pausedUntilMs: struckUntilMs }),
  }
}

/** What an account may still do on a device: the lesser of both. */
export const stricter = (account: Allowance, device: Allowance | undefined): Allowance =>
  device === undefined
    ? account
    : {
        ...account,
        left: {
          tries: Math.min(account.left.tries, device.left.tries),
          claims: Math.min(account.left.claims, device.left.claims),
          newCellsOfHour: Math.min(account.left.newCellsOfHour, device.left.newCellsOfHour),
          newCellsOfDay: Math.min(account.left.newCellsOfDay, device.left.newCellsOfDay),
        },
        cooldownMs: Math.max(account.cooldownMs, device.cooldownMs),
      }
