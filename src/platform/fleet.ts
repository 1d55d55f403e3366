/**
 * /metrics of several workers behind one port. A scrape reaches any of them; that one asks the first process, which
 * collects what each tells of itself and adds it up. Figures of the stores, the same whoever reads them, come from one
 * worker only. Counters never fall: of a worker that is gone, or silent this time, its last ones are counted.
 */
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import type { Clock } from './clock.ts'
import { createDeferred } from './deferred.ts'
import { Unavailable } from './problem.ts'

export type Figures = MetricObjectWithValues<MetricValue<string>>[]

/** `own` of this process, `stores` of what all of them share. */
export type Registries = { own: Registry; stores: Registry }

/** What workers and the first process say to each other; JSON carries it. */
export type FleetMessage =
  | { type: 'metrics.show' }
  | { type: 'metrics.read'; withStores: boolean }
  | { type: 'metrics.figures'; figures: Figures }
  | { type: 'metrics.page'; page: string }

/** How long the others may take to tell; how long the page may take in all. Prometheus gives up after ten seconds. */
const patience = { figuresMs: 2_000, pageMs: 4_000 }

const types = ['metrics.show', 'metrics.read', 'metrics.figures', 'metrics.page']

export const isFleetMessage = (message: unknown): message is FleetMessage =>
  typeof message === 'object' && message !== null && types.includes((message as { type: string }).type)

/** The page of a server that is alone. */
export const showAlone = ({ own, stores }: Registries): Promise<string> =>
  Registry.merge([own, stores]).metrics()

/** Slowness is that of the slowest; the library would take the average. */
const ofSlowest = /^nodejs_eventloop_lag/

/** What is not known is left out: JSON would make it null, and a sum 0 of that. */
async function readFigures(registries: readonly Registry[]): Promise<Figures> {
  const figures = (await Promise.all(registries.map(registry => registry.getMetricsAsJSON()))).flat()
  return figures.map(figure => ({
    ...figure,
    ...(ofSlowest.test(figure.name) && { aggregator: 'max' as const }),
    values: figure.values.filter(({ value }) => Number.isFinite(value)),
  })) as Figures
}

export type FleetMember = {
  /** Called once, when there is something to tell. */
  join(registries: Registries): void
  /** The page of all workers; throws {@link Unavailable} when the first process does not send it in time. */
  show(): Promise<string>
  /** What was counted since somebody looked, before this worker ends; resolves when it is said. */
  tellLast(): Promise<void>
}

type Line = {
  /** Resolves when the message is on its way, or nobody is there to take it. */
  send(message: FleetMessage): Promise<void>
  listen(hear: (message: unknown) => void): void
  clock: Clock
}

/** A worker's side. */
export function createFleetMember({ send, listen, clock }: Line): FleetMember {
  let asked: { page: Promise<string>; resolve(page: string): void } | undefined
  let shown: Registries | undefined

  async function tell(registries: readonly Registry[]): Promise<void> {
    await send({ type: 'metrics.figures', figures: await readFigures(registries) })
  }

  function ask(): Promise<string> {
    const waiting = createDeferred<string>()
    const late = () => waiting.reject(new Unavailable('the first process does not tell the figures of all'))
    const cancel = clock.after(patience.pageMs, late)
    const page = waiting.promise.finally(() => {
      cancel()
      asked = undefined
    })
    asked = { page, resolve: waiting.resolve }
    void send({ type: 'metrics.show' })
    return page
  }

  return {
    join(registries) {
      shown = registries
      const { own, stores } = registries
      listen(message => {
        if (!isFleetMessage(message)) return
        if (message.type === 'metrics.page') asked?.resolve(message.page)
        if (message.type !== 'metrics.read') return
        // One that cannot tell is silent, which the page says.
        void tell(message.withStores ? [own, stores] : [own]).catch(() => undefined)
      })
    },
    show: () => asked?.page ?? ask(),
    async tellLast() {
      if (shown !== undefined) await tell([shown.own])
    },
  }
}

const countersOf = (figures: Figures): Figures =>
  figures.filter(({ type }) => ['counter', 'histogram', 'summary'].includes(String(type)))

const addUp = (all: readonly Figures[]): Registry => AggregatorRegistry.aggregate([...all])

const countWorkers = (answering: number, silent: number): Figures => [
  {
    name: 'hexbao_workers',
    help: 'Workers, by whether they told their figures in time.',
    ...{ type: 'gauge', aggregator: 'sum' },
    values: [
      { labels: { state: 'answering' }, value: answering },
      { labels: { state: 'silent' }, value: silent },
    ],
  } as unknown as Figures[number],
]

type Worker = {
  send(message: FleetMessage): void
  /** What it told last. */
  told?: Figures
}

type DeskPorts = {
  clock: Clock
  /** Figures that cannot be added up; who asked for them hears nothing. */
  onFault: (error: unknown) => void
}

export type FleetDesk = {
  /** From now on this worker is asked. */
  welcome(id: number, worker: Worker): void
  hear(id: number, message: unknown): void
  leave(id: number): void
}

/** The first process' side. */
export function createFleetDesk({ clock, onFault }: DeskPorts): FleetDesk {
  const workers = new Map<number, Worker>()
  /** The counters of those that are gone. */
  let gone: Figures = []
  let farewell = Promise.resolve()
  let collecting: { silent: Set<number>; end: () => void; page: Promise<string> } | undefined

  function collect(): Promise<string> {
    const silent = new Set(workers.keys())
    const all = createDeferred<void>()
    const end = () => all.resolve(undefined)
    const cancel = clock.after(patience.figuresMs, end)
    const page = all.promise.then(() => {
      cancel()
      collecting = undefined
      return write(silent)
    })
    collecting = { silent, end, page }
    const [first] = workers.values()
    for (const worker of workers.values()) worker.send({ type: 'metrics.read', withStores: worker === first })
    return page
  }

  async function write(silent: ReadonlySet<number>): Promise<string> {
    await farewell
    const known = [...workers].map(([id, { told = [] }]) => (silent.has(id) ? countersOf(told) : told))
    const answering = [...workers].filter(([id, { told }]) => told !== undefined && !silent.has(id)).length
    const counts = countWorkers(answering, silent.size)
    return await addUp([gone, ...known, counts]).metrics()
  }

  async function keepCounters(told: Figures): Promise<void> {
    gone = (await addUp([gone, countersOf(told)]).getMetricsAsJSON()) as Figures
  }

  function strike(id: number): void {
    if (collecting === undefined) return
    collecting.silent.delete(id)
    if (collecting.silent.size === 0) collecting.end()
  }

  return {
    welcome: (id, worker) => void workers.set(id, worker),
    hear(id, message) {
      const worker = workers.get(id)
      if (worker === undefined || !isFleetMessage(message)) return
      if (message.type === 'metrics.figures') {
        worker.told = message.figures
        strike(id)
      }
      if (message.type !== 'metrics.show') return
      void (collecting?.page ?? collect()).then(page => worker.send({ type: 'metrics.page', page }), onFault)
    },
    leave(id) {
      const { told = [] } = workers.get(id) ?? {}
      workers.delete(id)
      farewell = farewell.then(() => keepCounters(told)).catch(onFault)
      strike(id)
    },
  }
}
