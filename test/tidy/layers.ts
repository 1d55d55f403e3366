/**
 * Who may import whom: bin → app → edges (routes, socket, realtime) → verbs → pure files and adapters. A verb and a
 * pure file look alike, so both are "domain": they load nothing that does I/O, and receive it as an argument.
 */
import { type Import, listImports } from './imports.ts'
import { folderOf, nameOf, type Rule } from './source.ts'

type Layer = 'protocol' | 'geo' | 'platform' | 'domain' | 'adapter' | 'edge' | 'app' | 'bin' | 'test'

export function layerOf(path: string): Layer {
  if (path.startsWith('protocol/')) return 'protocol'
  if (path.startsWith('src/geo/')) return 'geo'
  if (path.startsWith('src/platform/')) return 'platform'
  if (path.startsWith('src/bin/')) return 'bin'
  if (/^src\/app(?:-[a-z]+)?\.ts$/.test(path)) return 'app'
  if (!path.startsWith('src/')) return 'test'
  if (['postgres.ts', 'redis.ts'].includes(nameOf(path))) return 'adapter'
  const isEdge = path.startsWith('src/realtime/') || ['routes.ts', 'socket.ts'].includes(nameOf(path))
  return isEdge ? 'edge' : 'domain'
}

const reachable: Record<Layer, readonly Layer[]> = {
  protocol: ['protocol'],
  geo: ['geo'],
  platform: ['platform', 'protocol'],
  domain: ['domain', 'geo', 'platform', 'protocol'],
  adapter: ['adapter', 'domain', 'geo', 'platform', 'protocol'],
  edge: ['edge', 'adapter', 'domain', 'geo', 'platform', 'protocol'],
  app: ['app', 'edge', 'adapter', 'domain', 'geo', 'platform', 'protocol'],
  bin: ['bin', 'app', 'edge', 'adapter', 'domain', 'geo', 'platform', 'protocol'],
  test: ['bin', 'app', 'edge', 'adapter', 'domain', 'geo', 'platform', 'protocol', 'test'],
}

const say = ({ from, line, specifier }: Import, message: string): string =>
  `${from}:${line} imports ${specifier}: ${message}`

/** Imports point down. Domain files and adapters may name the types of a port above them: those are erased. */
export const importsPointDown: Rule = tree =>
  listImports(tree)
    .filter(one => one.isOurs)
    .flatMap(one => {
      const [from, to] = [layerOf(one.from), layerOf(one.target)]
      if (reachable[from].includes(to)) return []
      const isPort = one.isType && ['domain', 'adapter'].includes(from) && ['adapter', 'edge'].includes(to)
      if (isPort) return []
      return [say(one, `${from} may not use ${to} (take it as an argument; app.ts hands it over)`)]
    })

/** Another folder's tables and keys are reached through a port; only the owner's files import its adapter. */
export const adaptersStayHome: Rule = tree =>
  listImports(tree)
    .filter(one => one.isOurs && !one.isType && layerOf(one.target) === 'adapter')
    .filter(one => ['edge', 'adapter'].includes(layerOf(one.from)))
    .filter(one => folderOf(one.from) !== folderOf(one.target))
    .map(one =>
      say(one, 'that adapter has another owner (take its function as a port; app.ts hands it over)'),
    )

/** Routes and sockets are the top of their folder. */
export const edgesAreNotShared: Rule = tree =>
  listImports(tree)
    .filter(one => one.isOurs && ['routes.ts', 'socket.ts'].includes(nameOf(one.target)))
    .filter(one => !['app', 'test'].includes(layerOf(one.from)) && !one.from.startsWith('src/realtime/'))
    .map(one =>
      say(one, 'only app.ts composes routes and sockets (move what is shared into a file of its own)'),
    )

type Guard = { packages: RegExp; isAllowed: (path: string) => boolean; where: string }

const inTestOr =
  (isAllowed: (path: string) => boolean) =>
  (path: string): boolean =>
    path.startsWith('test/') || isAllowed(path)

const guards: Guard[] = [
  {
    packages: /^pg$/,
    isAllowed: inTestOr(path => layerOf(path) === 'platform' || nameOf(path) === 'postgres.ts'),
    where: "only a domain's postgres.ts and src/platform know PostgreSQL",
  },
  {
    packages: /^ioredis$/,
    isAllowed: inTestOr(path => layerOf(path) === 'platform' || nameOf(path) === 'redis.ts'),
    where: "only a domain's redis.ts and src/platform know Redis",
  },
  {
    packages: /^(fastify|ws|@fastify\/.+)$/,
    isAllowed: inTestOr(path => ['platform', 'edge', 'app', 'bin'].includes(layerOf(path))),
    where: 'only routes.ts, socket.ts, src/realtime, app.ts, src/platform and src/bin know HTTP and sockets',
  },
  {
    packages: /^h3-js$/,
    isAllowed: inTestOr(path => layerOf(path) === 'geo'),
    where: 'only src/geo knows H3 (use src/geo/cell.ts)',
  },
]

export const packagesStayWhereTheyBelong: Rule = tree =>
  listImports(tree).flatMap(one => {
    const guard = guards.find(({ packages }) => !one.isOurs && packages.test(one.target))
    return guard === undefined || guard.isAllowed(one.from) ? [] : [say(one, guard.where)]
  })

const doesIo = (target: string): boolean =>
  /^(pg|ioredis|fastify|ws|@fastify\/.+)$/.test(target) ||
  /^node:(fs|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster|readline)$/.test(target)

/** Pure files and verbs load no I/O, not even through a module of the platform. */
export const domainLoadsNoIo: Rule = tree => {
  const imports = listImports(tree).filter(one => !one.isType)
  const doors = findDoors(imports)
  return imports
    .filter(({ from }) => ['domain', 'geo'].includes(layerOf(from)))
    .flatMap(one => {
      const io = one.isOurs ? doors.get(one.target) : doesIo(one.target) ? one.target : undefined
      return io === undefined
        ? []
        : [say(one, `loads ${io} (take a port as an argument, or \`import type\`)`)]
    })
}

/** The platform's modules that load I/O, each with the package; adapters and edges are judged by their layer. */
function findDoors(imports: readonly Import[]): Map<string, string> {
  const platform = imports.filter(({ from }) => ['platform', 'protocol'].includes(layerOf(from)))
  const doors = new Map<string, string>()
  for (let before = -1; before < doors.size; ) {
    before = doors.size
    for (const { from, target, isOurs } of platform) {
      const io = isOurs ? doors.get(target) : doesIo(target) ? target : undefined
      if (io !== undefined && !doors.has(from)) doors.set(from, io)
    }
  }
  return doors
}

/** What only a worker runs: filling areas with cells and points takes seconds, and every claim would wait for it. */
const isHeavy = (path: string): boolean =>
  /^src\/(geo\/(fill|spacing|spread)|campaigns\/(place|place-task))\.ts$/.test(path)

/** A city of bots is a process of its own, in which no claim waits. */
const isTool = (path: string): boolean => path.startsWith('src/bin/bots/')

/** A thread that never loads it cannot be kept busy by it; types are erased. */
export const heavyGeometryStaysInWorkers: Rule = tree =>
  listImports(tree)
    .filter(one => one.isOurs && !one.isType && isHeavy(one.target))
    .filter(one => !isHeavy(one.from) && !isTool(one.from) && layerOf(one.from) !== 'test')
    .map(one => say(one, 'that runs in a worker (ask for it through the port `place`)'))

/** A black box that could judge a rewrite knows the protocol and nothing else. */
export const acceptanceIsBlackBox: Rule = tree =>
  listImports(tree)
    .filter(one => one.from.startsWith('test/acceptance/') && one.isOurs)
    .filter(one => !['protocol', 'test'].includes(layerOf(one.target)))
    .map(one => say(one, 'acceptance tests see only the protocol'))

/** One way to name a module: aliases across folders of the platform and the protocol, `.ts` at the end. */
export const importsAreSpelledAlike: Rule = tree =>
  listImports(tree)
    .filter(one => one.isOurs)
    .flatMap(one => {
      if (!/\.(ts|mjs)$/.test(one.target)) return [say(one, 'name the file with its ending, .ts')]
      const layer = layerOf(one.from)
      for (const shared of ['protocol', 'platform'] as const) {
        const isAway = one.from.startsWith('src/') && layer !== shared && layerOf(one.target) === shared
        if (isAway && one.specifier.startsWith('.')) {
          return [say(one, `write #${shared}/${one.target.split(`${shared}/`)[1]}`)]
        }
      }
      return []
    })

/** What runs in production is a dependency of production. */
export const createDependencyRule =
  (dependencies: ReadonlySet<string>): Rule =>
  tree =>
    listImports(tree)
      .filter(one => !one.isOurs && !one.isType && layerOf(one.from) !== 'test')
      .filter(one => !one.target.startsWith('node:') && !dependencies.has(one.target))
      .map(one => say(one, 'not a dependency in package.json (a builtin is written node:…)'))

/** Modules that load each other cannot be read one after the other; types count. */
export const noCycles: Rule = tree => {
  const targets = new Map<string, string[]>()
  for (const one of listImports(tree)) {
    if (one.isOurs) targets.set(one.from, [...(targets.get(one.from) ?? []), one.target])
  }
  const done = new Set<string>()
  const findings: string[] = []
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path)
    if (start !== -1) {
      findings.push(`${path}:1 import cycle ${[...trail.slice(start), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return findings
}
