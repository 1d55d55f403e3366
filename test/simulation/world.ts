/** The world of one run: the two servers, the processes, the envelopes, and what can be done to them. */
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import type { Auditor } from './auditor.ts'
import type { Dice } from './dice.ts'
import { type Deed, type FaultKind, type Faults, isDeed } from './faults.ts'
import { createMemoryPostgres, type EnvelopeRow } from './memory-postgres.ts'
import { createMemoryRedis } from './memory-redis.ts'
import type { Scheduler } from './scheduler.ts'
import { createServer, type RedisNode, type Server, type ServerPorts } from './server.ts'

type WorldPorts = {
  dice: Dice
  scheduler: Scheduler
  faults: Faults
  auditor: Auditor
  note: (what: () => string) => void
}

export type SimulatedEnvelope = { id: string; hider: MerchantCaller; isClosed: boolean }
export type SimulatedWorld = ReturnType<typeof createWorld>

export function createWorld(ports: WorldPorts) {
  const { dice, scheduler, faults, auditor, note } = ports
  const counts = { expiries: 0 }
  const postgres = createWatchedPostgres(ports, counts)
  let postgresUpAtMs = 0
  let pace = { sweep: dice.between(2, 4), envelopes: dice.between(3, 6), forgotten: 0.5 }
  const serverPorts: ServerPorts = {
    ...{ scheduler, dice, postgres, faults, auditor, note },
    isPostgresDown: () => scheduler.nowMs() < postgresUpAtMs,
    pace: () => pace,
  }
  const redis = createRedisSide(ports)
  const servers = createServers(ports, serverPorts, redis.current)
  const players = Array.from({ length: dice.between(8, 11) }, () => createPlayer(dice))
  for (const { id } of players) postgres.tables.players.add(id)
  const envelopes = Array.from({ length: dice.between(2, 3) }, (_, i) => plantEnvelope(ports, postgres, i))
  const damage = createDamage(ports, { node: redis.current, players, postgres })

  const deedOf: Record<Deed, (leftMs: number) => void> = {
    ...damage,
    'crash anywhere': () => servers.crash(),
    rollback: () => redis.replace('rollback', dice.between(1_000, 2_000), servers.living()),
    failover: () => redis.replace('failover', dice.between(0, 1_500), servers.living()),
    'two primaries': () => redis.split(servers.living()),
    'PostgreSQL down': leftMs => {
      faults.count('PostgreSQL down')
      postgresUpAtMs = scheduler.nowMs() + drawOutageMs(dice, leftMs)
      postgres.abortWhere(() => true)
    },
    'frozen process': leftMs => servers.freeze(drawOutageMs(dice, leftMs)),
    'clock step': () => {
      faults.count('clock step')
      for (const server of servers.living()) server.skewMs = dice.between(-125, 125)
    },
  }
  return {
    ...{ postgres, players, envelopes, counts },
    redis: () => redis.current().redis,
    findServer: servers.find,
    inject: (kind: FaultKind, leftMs: number) => {
      if (isDeed(kind)) deedOf[kind](leftMs)
      else faults.arm(kind)
    },
    /** Something that surely happens. */
    injectNow: () =>
      deedOf[dice.pick(['flush', 'rollback', 'failover', 'clock step', 'crash anywhere'] as const)](0),
    heal() {
      note(() => 'everything heals')
      pace = { sweep: 5, envelopes: 20, forgotten: 0.5 }
      faults.disarm()
      postgresUpAtMs = 0
      // One row in ten stays bad for ever.
      if (dice.chance(0.9)) postgres.tables.refused.clear()
      redis.heal(servers.living())
      servers.heal()
    },
    /** Newcomers to every envelope: whatever is left must be theirs. */
    latecomers: () =>
      envelopes.map(({ id }) => {
        const player = createPlayer(dice)
        postgres.tables.players.add(player.id)
        return { player, envelopeId: id, isFinal: false, asks: 0 }
      }),
  }
}

/** The auditor hears of every commit. */
function createWatchedPostgres(
  { scheduler, faults, auditor, note }: WorldPorts,
  counts: { expiries: number },
): WorldPostgres {
  const postgres = createMemoryPostgres({
    nowMs: scheduler.nowMs,
    after: scheduler.after,
    onCommit: commit => {
      counts.expiries += commit.envelopes.filter(({ after }) => after.state === 'expired').length
      note(() => describe(commit))
      auditor.committed(commit)
    },
    onRefused: () => faults.count('bad row'),
  })
  auditor.watch(postgres)
  return postgres
}

function describe({ claims, envelopes }: Parameters<Auditor['committed']>[0]): string {
  const won = claims.map(
    c => `${c.playerId.slice(0, 4)} gets share ${c.shareNo} of ${c.envelopeId.slice(0, 4)}`,
  )
  const rows = envelopes.map(
    ({ after }) => `${after.id.slice(0, 4)} ${after.state} epoch ${after.epoch} sold ${after.claimedShares}`,
  )
  return `commit: ${[...won, ...rows].join(', ')}`
}

/** Mostly seconds, and now and then for as long as the run has left. */
const drawOutageMs = (dice: Dice, leftMs: number): number =>
  dice.chance(0.3) ? dice.between(1_000, Math.max(2_000, leftMs)) : dice.between(500, 6_000)

const createPlayer = (dice: Dice): PlayerCaller => ({ kind: 'player', id: dice.uuid(), timeScale: 1 })

const cell = locateCell({ lat: 31.2, lng: 121.5 })

function plantEnvelope(
  { dice, scheduler, auditor }: WorldPorts,
  postgres: WorldPostgres,
  index: number,
): SimulatedEnvelope {
  const id = dice.uuid()
  const hider: MerchantCaller = {
    kind: 'merchant',
    id: dice.uuid(),
    keyId: dice.uuid(),
    scopes: ['campaigns'],
  }
  const shareCount = index === 0 ? dice.between(1, 2) : dice.between(1, 14)
  const amounts = Array.from({ length: shareCount }, () => BigInt(dice.between(1, 500)))
  const totalMinor = amounts.reduce((sum, amount) => sum + amount, 0n)
  const nowMs = scheduler.nowMs()
  const opensLater = dice.chance(0.15)
  const expires = dice.chance(0.4)
  const row: EnvelopeRow = {
    ...{
      id,
      hider: { kind: 'merchant', id: hider.id },
      place: { lat: 31.2, lng: 121.5 },
      cell,
      claimRadiusM: 60,
    },
    ...{ currency: 'CNY', totalMinor, shareCount, split: 'lucky', shareCapMinor: null, audience: 'anyone' },
    ...{ presence: 'gps', reports: 0 },
    ...{
      greeting: null,
      clue: null,
      brand: null,
      showsText: true,
      campaignId: null,
      dropId: null,
      commitment: '',
      guestIds: [],
      passphraseMac: null,
    },
    ...{ state: opensLater ? 'funded' : 'live', epoch: 1n, createdAtMs: nowMs, endedAtMs: null },
    opensAtMs: opensLater ? nowMs + dice.between(200, 3_000) : nowMs - 1_000,
    expiresAtMs: nowMs + (expires ? dice.between(4_000, 15_000) : 3_600_000),
    claimedShares: 0,
    claimedMinor: 0n,
  }
  const escrow = { account: escrowOf(id, 'CNY'), credits: totalMinor, debits: 0n }
  const wallet = { account: walletOf(hider.id, 'CNY'), credits: 0n, debits: 0n }
  postgres.plant(row, amounts, [escrow, wallet])
  auditor.opened(row, amounts)
  return { id, hider, isClosed: dice.chance(0.3) }
}

type WorldPostgres = ServerPorts['postgres']

/** The Redis in force, and those that were. */
function createRedisSide({ dice, scheduler, faults, auditor }: WorldPorts) {
  let names = 0
  const name = () => `redis-${++names}`
  const optionsOf = (skewMs: number) => ({
    identity: name(),
    nowMs: () => scheduler.nowMs() + skewMs,
    onReserve: auditor.reserved,
  })
  const first = createMemoryRedis(optionsOf(0))
  let node: RedisNode = { redis: first, isGone: false, upAtMs: 0 }
  const old: RedisNode[] = []
  /** A copy that is behind takes over, under a name and by a clock of its own. */
  const promote = (lagMs: number, downMs: number) => {
    const redis = node.redis.copy(optionsOf(dice.between(-125, 125)), lagMs)
    old.push(node)
    node = { redis, isGone: false, upAtMs: scheduler.nowMs() + downMs }
  }
  const retire = (servers: readonly Server[]) => {
    for (const gone of old.splice(0)) gone.isGone = true
    for (const server of servers) if (server.node().isGone) server.connect(node)
  }
  return {
    current: () => node,
    replace(kind: 'rollback' | 'failover', lagMs: number, servers: readonly Server[]) {
      faults.count(kind)
      promote(lagMs, dice.between(0, 500))
      retire(servers)
    },
    /** Some processes stay with the old one for a while, which goes on as if nothing had happened. */
    split(servers: readonly Server[]) {
      faults.count('two primaries')
      promote(dice.between(0, 1_500), 0)
      for (const server of servers) if (dice.chance(0.5)) server.connect(node)
      scheduler.after(dice.between(1_000, 8_000), () => retire(servers))
    },
    heal: retire,
  }
}

/** Two or three processes, each started again some time after it died. */
function createServers({ dice, scheduler, faults }: WorldPorts, ports: ServerPorts, node: () => RedisNode) {
  let started = 0
  const start = () => createServer(ports, `server-${++started}`, node())
  const servers = Array.from({ length: dice.between(2, 3) }, start)
  const living = () => servers.filter(({ isAlive }) => isAlive)
  const startAgain = () => {
    servers.forEach((server, i) => {
      if (!server.isAlive) servers[i] = start()
    })
  }
  const watch = () => {
    // Whatever starts dead processes again looks every now and then.
    scheduler.after(dice.between(1_000, 3_000), () => {
      startAgain()
      watch()
    })
  }
  watch()
  return {
    living,
    find: (): Server | undefined => {
      const server = dice.pick(servers)
      return server.isAlive && !server.isFrozen ? server : undefined
    },
    crash() {
      const [victim] = living()
      if (victim === undefined) return
      faults.count('crash anywhere')
      victim.kill()
    },
    freeze(forMs: number) {
      const victim = dice.pick(servers)
      if (!victim.isAlive || victim.isFrozen) return
      faults.count('frozen process')
      victim.freeze()
      scheduler.after(forMs, () => victim.thaw())
    },
    heal() {
      for (const server of servers) server.thaw()
      startAgain()
    },
  }
}

type Damaged = { node: () => RedisNode; players: readonly PlayerCaller[]; postgres: WorldPostgres }
type Damage =
  | 'outbox lost'
  | 'key lost'
  | 'field lost'
  | 'field broken'
  | 'share broken'
  | 'bad row'
  | 'flush'

const gateFields = ['epoch', 'state', 'opens_ms', 'expires_ms', 'n', 'settled'] as const

/** What can happen to single keys and rows. */
function createDamage({ dice, faults }: WorldPorts, { node, players, postgres }: Damaged) {
  const keys = () => node().redis.keys
  const pickKey = (fits: (key: string) => boolean): string | undefined => {
    const names = keys().names().filter(fits)
    return names.length === 0 ? undefined : dice.pick(names)
  }
  const isGate = (key: string) => /^e:[^:]+$/.test(key)
  const changeGate = (kind: FaultKind, change: (fields: Map<string, string>) => void) => {
    const key = pickKey(isGate)
    const gate = key === undefined ? undefined : keys().get(key)
    if (key === undefined || gate?.type !== 'hash') return
    const fields = new Map(gate.fields)
    change(fields)
    keys().write(key, fields.size === 0 ? undefined : { type: 'hash', fields })
    faults.count(kind)
  }
  const damage: Record<Damage, () => void> = {
    'outbox lost': () => {
      const key = pickKey(name => name.startsWith('o:'))
      if (key === undefined) return
      keys().write(key, undefined)
      faults.count('outbox lost')
    },
    'key lost': () => {
      const key = pickKey(name => name.startsWith('e:'))
      if (key === undefined) return
      keys().write(key, dice.chance(0.2) ? { type: 'string' } : undefined)
      faults.count('key lost')
    },
    'field lost': () => changeGate('field lost', fields => fields.delete(dice.pick(gateFields))),
    'field broken': () =>
      changeGate('field broken', fields =>
        fields.set(dice.pick(gateFields), dice.pick(['0', '7', '99', '-1'])),
      ),
    'share broken': () => {
      const key = pickKey(name => name.includes(':f:'))
      const list = key === undefined ? undefined : keys().get(key)
      if (key === undefined || list?.type !== 'list') return
      const [first, ...rest] = list.items
      const items = dice.chance(0.5) ? ['9999', ...rest] : [String(first), ...list.items]
      keys().write(key, { type: 'list', items })
      faults.count('share broken')
    },
    'bad row': () => void postgres.tables.refused.add(dice.pick(players).id),
    flush: () => {
      faults.count('flush')
      keys().flush()
    },
  }
  return damage
}
