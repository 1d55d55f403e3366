/** `kill -9` and SIGSTOP of everything that runs, and game servers that die at a failpoint. */
import { setTimeout as sleep } from 'node:timers/promises'
import { failpoints } from '../../../src/claims/failpoints.ts'
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { Rig } from '../rig.ts'
import type { Fault } from './fault.ts'

/** A while, mostly short: long faults hold up everything else. */
export const lastBetween = (
  rig: Pick<Rig, 'patience'>,
  dice: Dice,
  [leastMs, longestMs]: readonly [number, number],
) => sleep(leastMs + (longestMs - leastMs) * rig.patience * dice.fraction() ** 3)

const longestFreezeMs = 15_000
const crashWithinMs = 20_000

const killServer: Fault = {
  kind: 'kill -9 of a server',
  weight: 6,
  strike: (rig, dice) =>
    withServer(rig, dice, async server => {
      if (!server.isUp()) return false
      await server.kill()
      return true
    }),
}

const freezeServer: Fault = {
  kind: 'SIGSTOP of a server',
  weight: 4,
  strike: (rig, dice) =>
    withServer(rig, dice, async server => {
      if (!server.isUp()) return false
      const thaw = server.freeze()
      await lastBetween(rig, dice, [1_000, longestFreezeMs])
      thaw()
      return true
    }),
}

/** Often passed ones are survived a few times, so that the crash comes in the middle of something. */
const passings: Partial<Record<string, number>> = {
  'sweeper-after-commit-before-mark': 2,
  'sweeper-before-cursor': 2,
  'rebuild-between-bump-and-load': 1,
}

export const crashes: readonly Fault[] = failpoints.map(failpoint => ({
  kind: `crash at ${failpoint}`,
  weight: 1,
  strike: (rig, dice) =>
    withServer(rig, dice, server =>
      server.dieAt(failpoint, dice.between(1, passings[failpoint] ?? 20), crashWithinMs),
    ),
}))

/** Those that are up; when none is, it does not matter. */
export function pickable({ servers }: Pick<Rig, 'servers'>): Rig['servers'] {
  const up = servers.filter(server => server.isUp())
  return up.length > 0 ? up : servers
}

function withServer(
  rig: Rig,
  dice: Dice,
  work: (server: Rig['servers'][number]) => Promise<boolean>,
): Promise<boolean> {
  const server = dice.pick(pickable(rig))
  return rig.inTurn(server.name, () => work(server))
}

const killPostgres: Fault = {
  kind: 'kill -9 of PostgreSQL',
  weight: 2,
  strike: (rig, dice) =>
    rig.inTurn('postgres', async () => {
      await rig.postgres.kill()
      await lastBetween(rig, dice, [0, 3_000])
      await rig.postgres.start()
      rig.reconnect()
      return true
    }),
}

const freezePostgres: Fault = {
  kind: 'SIGSTOP of PostgreSQL',
  weight: 2,
  strike: (rig, dice) =>
    rig.inTurn('postgres', async () => {
      const thaw = rig.postgres.freeze()
      await lastBetween(rig, dice, [1_000, longestFreezeMs])
      thaw()
      return true
    }),
}

const stopPostgres: Fault = {
  kind: 'PostgreSQL stopped for seconds',
  weight: 1,
  strike: (rig, dice) =>
    rig.inTurn('postgres', async () => {
      await rig.postgres.stop()
      await lastBetween(rig, dice, [1_000, 10_000])
      await rig.postgres.start()
      rig.reconnect()
      return true
    }),
}

export const processFaults: readonly Fault[] = [
  killServer,
  freezeServer,
  ...crashes,
  killPostgres,
  freezePostgres,
  stopPostgres,
]
