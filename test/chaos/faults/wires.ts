/** Connections that are slow, break, or break at the worst moment. */
import type { Dice } from '../../../src/bin/play/dice.ts'
import type { FaultProxy, Trick } from '../fault-proxy.ts'
import type { Rig } from '../rig.ts'
import type { Fault } from './fault.ts'
import { lastBetween, pickable } from './processes.ts'

type Side = 'postgres' | 'redis'

const wireFault = (
  kind: string,
  side: Side,
  weight: number,
  work: (proxy: FaultProxy, rig: Rig, dice: Dice) => Promise<boolean>,
): Fault => ({
  kind,
  weight,
  strike: (rig: Rig, dice) => work(dice.pick(pickable(rig))[side], rig, dice),
})

const momentMs = 5_000
const play = (trick: Trick) => (proxy: FaultProxy) => proxy.play(trick, momentMs)

async function slowDown(proxy: FaultProxy, rig: Rig, dice: Dice): Promise<boolean> {
  proxy.delay(dice.between(20, 400))
  await lastBetween(rig, dice, [300, 5_000])
  proxy.delay(0)
  return true
}

const reset = async (proxy: FaultProxy) => proxy.reset() > 0

export const wireFaults: readonly Fault[] = [
  wireFault('PostgreSQL slow', 'postgres', 4, slowDown),
  wireFault('Redis slow', 'redis', 4, slowDown),
  wireFault('PostgreSQL connections reset', 'postgres', 4, reset),
  wireFault('Redis connections reset', 'redis', 4, reset),
  wireFault('cut before COMMIT is passed on', 'postgres', 8, play('lost')),
  wireFault('COMMIT executed, answer dropped', 'postgres', 10, play('unheard')),
  wireFault('cut before a script is passed on', 'redis', 6, play('lost')),
  wireFault('script executed, answer dropped', 'redis', 10, play('unheard')),
]
