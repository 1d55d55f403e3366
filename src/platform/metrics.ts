/**
 * Figures for Prometheus: a registry of this server's own, how long requests take, and the page that shows it all.
 * Labels are what the code names (routes, statuses, jobs), never what a client sends, so their number is bounded.
 */
import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { sendRefusal } from './http.ts'
import { refuse } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    observe?: Observe
  }
}

/** Takes the status of an answer and the milliseconds that it took. */
type Observe = (status: number, tookMs: number) => void

/** From a claim that Redis refuses to one that waits for PostgreSQL until it is "pending". */
const secondsOfAnswers = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** With what Node knows of its process. */
export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/** Rate, errors and duration of each route; before the first route is added. */
export function observeRequests(http: FastifyInstance, registry: Registry): void {
  const seconds = new Histogram({
    name: 'hexbao_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer, by route pattern.',
    labelNames: ['method', 'route', 'status'],
    buckets: secondsOfAnswers,
    registers: [registry],
  })
  /** Children are looked up once for each status of a route, not for each answer. */
  function createObserver(method: string, route: string): Observe {
    const byStatus = new Map<number, { observe(value: number): void }>()
    return (status, tookMs) => {
      let child = byStatus.get(status)
      if (child === undefined) {
        child = seconds.labels(method, route, String(status))
        byStatus.set(status, child)
      }
      child.observe(tookMs / 1_000)
    }
  }
  const observeOther = createObserver('any', 'none')
  http.addHook('onRoute', route => {
    const observe = createObserver([route.method].flat().join(' '), route.url)
    route.config = { ...route.config, observe }
  })
  http.addHook('onResponse', (request, reply, done) => {
    const observe = request.routeOptions.config.observe ?? observeOther
    observe(reply.statusCode, reply.elapsedTime)
    done()
  })
}

export type Sample = { value: number; labels?: Readonly<Record<string, string>> }

export type GaugeOptions = {
  name: string
  help: string
  labels?: readonly string[]
  /** What several workers together show. */
  over?: 'sum' | 'min' | 'max'
}

/** Read when somebody looks: what a gauge shows then is all that `read` answers, with nothing left from before. */
export function addGauge(
  registry: Registry,
  { name, help, labels = [], over = 'sum' }: GaugeOptions,
  read: () => readonly Sample[] | Promise<readonly Sample[]>,
): void {
  const gauge: Gauge = new Gauge({
    ...{ name, help, labelNames: [...labels], registers: [registry], aggregator: over },
    async collect() {
      const samples = await read()
      gauge.reset()
      // Without a label a gauge that was reset says 0, also where nothing is known.
      if (labels.length === 0 && samples.length === 0) gauge.set(Number.NaN)
      for (const sample of samples) gauge.set(sample.labels ?? {}, sample.value)
    },
  })
}

type PageOptions = { show: () => Promise<string>; keys: readonly string[]; sandbox: boolean }

/** GET /metrics, for whoever has one of the keys. */
export function registerMetrics(http: FastifyInstance, { show, keys, sandbox }: PageOptions): void {
  const expected = keys.map(key => Buffer.from(`Bearer ${key}`))
  http.get('/metrics', { config: { neverShed: true } }, async (request, reply) => {
    const sent = Buffer.from(request.headers.authorization ?? '')
    const isKnown = expected.some(key => key.length === sent.length && timingSafeEqual(key, sent))
    if (!isKnown) return sendRefusal(reply, refuse('unauthorized'), sandbox)
    return reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await show())
  })
}
