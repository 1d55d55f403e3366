/** One seed, one run: a world is made, people play, things break, everything is healed, and the auditor looks. */
import { createAuditor, type Violation } from './auditor.ts'
import { createDice, type Dice } from './dice.ts'
import { createFaults, type FaultKind, planFaults } from './faults.ts'
import { createWorld, type SimulatedWorld } from './world.ts'
import { createPeople, type Client } from './people.ts'
import { createScheduler } from './scheduler.ts'

export type Run = {
  seed: number
  violation: Violation | undefined
  faults: ReadonlyMap<FaultKind, number>
  calls: number
  events: number
  log: readonly string[]
}

const startMs = Date.parse('2026-03-01T08:00:00.000Z')
/** Of virtual quiet before the last look. */
const quietMs = 62_000
/** Long enough for whoever still waits for a final answer. */
const patienceMs = 90_000

export async function runSeed(seed: number, { isLogged = false } = {}): Promise<Run> {
  const dice = createDice(seed)
  const scheduler = createScheduler(startMs)
  const log: string[] = []
  const note = (what: () => string) => {
    if (isLogged) log.push(`${((scheduler.nowMs() - startMs) / 1000).toFixed(3)} ${what()}`)
  }
  const faults = createFaults(dice, note)
  const auditor = createAuditor(scheduler.nowMs, note)
  const world = createWorld({ dice, scheduler, faults, auditor, note })
  const people = createPeople({ scheduler, dice, auditor, note, findServer: world.findServer })
  const isOver = () => auditor.violation() !== undefined
  const result = (): Run => ({
    seed,
    violation: auditor.violation(),
    faults: faults.happened,
    calls: people.counts.claims + people.counts.closes + world.counts.expiries,
    events: scheduler.events(),
    log,
  })
  const lengthMs = dice.chance(0.1) ? 90_000 : dice.between(8_000, 16_000)
  const clients = openDoors({ dice, world, people, scheduler, lengthMs })
  for (const { atMs, kind } of planFaults(dice, lengthMs)) {
    scheduler.after(atMs, () => world.inject(kind, lengthMs - atMs))
  }
  await scheduler.run(startMs + lengthMs, isOver)
  while (faults.total() < 5 && !isOver()) {
    world.injectNow()
    await scheduler.run(scheduler.nowMs() + 150, isOver)
  }
  world.heal()
  people.heal()
  await settleDown({ scheduler, clients, world, people, isOver, auditor })
  if (!isOver()) auditor.conclude(world.redis(), world.postgres)
  // Rejections that nobody handles are told now, and belong to this seed.
  await new Promise(resolve => setImmediate(resolve))
  return result()
}

type Doors = {
  dice: Dice
  world: SimulatedWorld
  people: ReturnType<typeof createPeople>
  scheduler: ReturnType<typeof createScheduler>
  lengthMs: number
}

/** Every player tries for nearly every envelope, most of them early, some together; some envelopes are closed. */
function openDoors({ dice, world, people, scheduler, lengthMs }: Doors): Client[] {
  const clients: Client[] = []
  for (const { id, hider, isClosed } of world.envelopes) {
    const rushMs = dice.between(100, lengthMs / 2)
    for (const player of world.players) {
      if (dice.chance(0.1)) continue
      const client = { player, envelopeId: id, isFinal: false, asks: 0 }
      clients.push(client)
      const atMs = dice.chance(0.6) ? rushMs + dice.between(0, 30) : dice.between(50, lengthMs)
      scheduler.after(atMs, () => people.claim(client))
      // Asks twice at once, as an impatient phone does.
      if (dice.chance(0.15)) scheduler.after(atMs + dice.between(0, 5), () => people.claim({ ...client }))
    }
    if (isClosed) scheduler.after(dice.between(lengthMs / 3, lengthMs), () => people.close(hider, id))
  }
  return clients
}

type Ending = Pick<Doors, 'scheduler' | 'world' | 'people'> & {
  clients: readonly Client[]
  isOver: () => boolean
  auditor: ReturnType<typeof createAuditor>
}

/** Everybody gets a final answer and asks once more; latecomers find what is left; then a minute of quiet. */
async function settleDown({ scheduler, clients, world, people, isOver, auditor }: Ending): Promise<void> {
  const asks: Client[] = []
  const askAll = async (round: readonly Client[]) => {
    for (const client of round) {
      client.isFinal = false
      people.claim(client)
    }
    asks.push(...round)
    const deadlineMs = scheduler.nowMs() + patienceMs
    while (!isOver()) {
      const waiting = asks.find(({ isFinal }) => !isFinal)
      if (waiting === undefined) return
      if (scheduler.nowMs() > deadlineMs) {
        const { player, envelopeId, asks: times } = waiting
        return auditor.stuck(`${player.id} has no final answer of ${envelopeId}, asked ${times} times`)
      }
      await scheduler.run(scheduler.nowMs() + 500, isOver)
    }
  }
  asks.push(...clients)
  await askAll([])
  const again = clients.filter((_, i) => i % 3 === 0).map(client => ({ ...client }))
  await askAll([...again, ...world.latecomers()])
  await scheduler.run(scheduler.nowMs() + quietMs, isOver)
  if (isOver()) return
  for (const hung of people.listHung()) auditor.stuck(`never answered: ${hung}`)
}
