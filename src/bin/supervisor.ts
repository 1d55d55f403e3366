/**
 * What the first of several processes decides about the others, as a pure function of what happens to them: who is
 * started, who is to go, and when to give up. A rolling restart takes one worker at a time: its successor is ready
 * before it goes, so there are never fewer of them.
 */
export type WorkerEvent =
  | { type: 'ready'; id: number }
  | { type: 'exited'; id: number; atMs: number }
  | { type: 'restart' }
  | { type: 'stop' }

export type Order =
  | { order: 'start'; id: number; afterMs: number }
  /** No longer listen, finish what is under way, go. */
  | { order: 'retire'; id: number }
  | { order: 'stop'; id: number }
  | { order: 'give_up'; reason: string }
  | { order: 'done' }

/** As many deaths of workers within a minute are no accident any more. */
const patience = { deathsEach: 3, withinMs: 60_000 }
const backOff = { firstMs: 100, mostMs: 5_000 }

/** Notes a death: how long the next start waits, or nothing where it was one too many within the time. */
function endure(deaths: number[], atMs: number, most: number): number | undefined {
  deaths.push(atMs)
  while (atMs - (deaths[0] ?? atMs) >= patience.withinMs) deaths.shift()
  if (deaths.length > most) return undefined
  return Math.min(backOff.mostMs, backOff.firstMs * 2 ** (deaths.length - 1))
}

/** A worker that listens is ready; one that leaves finishes what it has and counts no more. */
type Standing = 'starting' | 'ready' | 'leaving'

/** The workers there are, by number: a new one gets the next. */
function createCrew() {
  const standings = new Map<number, Standing>()
  let started = 0
  const count = (isCounted: (standing: Standing) => boolean) =>
    [...standings.values()].filter(isCounted).length
  return {
    standings,
    start(afterMs = 0): Order {
      standings.set(++started, 'starting')
      return { order: 'start', id: started, afterMs }
    },
    nextId: () => started + 1,
    countStaying: () => count(standing => standing !== 'leaving'),
    areAllReady: () => count(standing => standing !== 'ready') === 0,
  }
}

export type Supervisor = { begin(): Order[]; take(event: WorkerEvent): Order[] }

/** Whatever happens, `wanted` workers or one more start or run: each order follows from how many those are. */
export function createSupervisor(wanted: number): Supervisor {
  const crew = createCrew()
  const workers = crew.standings
  /** Those that a rolling restart still has to replace, in turn. */
  let outgoing: number[] = []
  /** Workers from here on are of the newest restart. */
  let newFrom = 1
  const deaths: number[] = []
  let [wasReady, isStopping] = [false, false]

  /** The next step of a rolling restart: whoever is next goes if there is one worker more, or else gets a successor. */
  function replaceNext(): Order[] {
    while (outgoing[0] !== undefined && workers.get(outgoing[0]) !== 'ready') outgoing.shift()
    const [old] = outgoing
    // One that starts is waited for, and so is one that goes: one at a time.
    if (old === undefined || !crew.areAllReady()) return []
    if (crew.countStaying() <= wanted) return [crew.start()]
    workers.set(old, 'leaving')
    return [{ order: 'retire', id: old }]
  }

  function onReady(id: number): Order[] {
    if (workers.get(id) !== 'starting') return []
    workers.set(id, 'ready')
    wasReady = true
    return isStopping ? [] : replaceNext()
  }

  function onExit(id: number, atMs: number): Order[] {
    const standing = workers.get(id)
    if (!workers.delete(id)) return []
    if (isStopping) return workers.size === 0 ? [{ order: 'done' }] : []
    if (standing === 'leaving') return replaceNext()
    const waitMs = endure(deaths, atMs, patience.deathsEach * wanted)
    if (!wasReady) return giveUp('a worker could not start')
    if (waitMs === undefined) return giveUp('the workers keep dying')
    // What cannot run does not replace what runs.
    if (outgoing.length > 0 && id >= newFrom) outgoing = []
    return crew.countStaying() < wanted ? [crew.start(waitMs)] : replaceNext()
  }

  const giveUp = (reason: string): Order[] => [{ order: 'give_up', reason }, ...stop()]
  function stop(): Order[] {
    if (isStopping) return []
    isStopping = true
    if (workers.size === 0) return [{ order: 'done' }]
    return [...workers.keys()].map(id => ({ order: 'stop', id }))
  }

  function restart(): Order[] {
    if (isStopping || outgoing.length > 0) return []
    outgoing = [...workers.keys()].filter(id => workers.get(id) === 'ready')
    newFrom = crew.nextId()
    return replaceNext()
  }

  return {
    begin: () => Array.from({ length: wanted }, () => crew.start()),
    take(event) {
      if (event.type === 'ready') return onReady(event.id)
      if (event.type === 'exited') return onExit(event.id, event.atMs)
      return event.type === 'stop' ? stop() : restart()
    },
  }
}
