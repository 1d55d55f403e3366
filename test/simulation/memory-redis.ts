/**
 * Redis as the gate uses it, in memory: keys, and the scripts of `src/claims/lua` as functions over them. A value is
 * never changed in place: a write replaces it and notes the old one, so that going back in time is putting old values
 * back, and a replica is a copy of the keys. Expiry is left out: it is a day away, and a run lasts minutes.
 */
import { Unavailable } from '#platform/problem.ts'
import type { GateLoad, OutboxEntry, ReserveRequest, ReserveVerdict } from '../../src/claims/gate.ts'
import type { GateView } from '../../src/claims/audit.ts'
import type { Reservation } from '../../src/claims/reservation.ts'

export type Value =
  | { type: 'hash'; fields: ReadonlyMap<string, string> }
  | { type: 'list'; items: readonly string[] }
  | { type: 'stream'; entries: readonly StreamEntry[]; lastId: StreamId }
  | { type: 'string' }

type StreamId = { ms: number; n: number }
type StreamEntry = { id: StreamId; entry: OutboxEntry }

export const keyOf = {
  gate: (id: string) => `e:${id}`,
  free: (id: string, epoch: number) => `e:${id}:f:${epoch}`,
  winners: (id: string, epoch: number) => `e:${id}:w:${epoch}`,
  outbox: (partition: number) => `o:${partition}`,
}

/** A share was handed out. */
export type OnReserve = (reservation: Reservation) => void

export type RedisOptions = {
  identity: string
  nowMs: () => number
  onReserve?: OnReserve
}

export type MemoryRedis = ReturnType<typeof createMemoryRedis>

export function createMemoryRedis({ identity, nowMs, onReserve }: RedisOptions, copied?: Keys) {
  const keys = copied ?? createKeys(nowMs)
  return {
    keys,
    identity,
    reserve: (partition: number, requests: readonly ReserveRequest[], atMs: number) =>
      reserve(keys, { partition, requests, atMs, nowMs: nowMs(), onReserve }),
    findHeld: (envelopeId: string, epoch: number, playerIds: readonly string[]) =>
      playerIds.map(playerId =>
        readHeld(fieldsOf(keys.get(keyOf.winners(envelopeId, epoch))), { envelopeId, epoch, playerId }),
      ),
    mark: (marks: readonly Reservation[]) => mark(keys, marks),
    void: (partition: number, entryIds: readonly string[]) => removeEntries(keys, partition, entryIds),
    storedEpoch: (envelopeId: string) => readStoredEpoch(keys, envelopeId),
    loadChunk: (chunk: LoadChunk) => loadChunk(keys, chunk),
    switchTo: (load: GateLoad) => switchTo(keys, load),
    inspect: (envelopeId: string, epoch: number) => inspect(keys, envelopeId, epoch),
    findUnsettled: (envelopeId: string, epoch: number, minAgeMs: number) =>
      findUnsettled(keys, { envelopeId, epoch, newest: nowMs() - minAgeMs }),
    readOutbox: (
      partition: number,
      after: string,
      { minAgeMs, limit }: { minAgeMs: number; limit: number },
    ) => readEntries(keys, partition, { after, newest: nowMs() - minAgeMs, limit }),
    trimOutbox: (partition: number, oldest: number) => trim(keys, partition, oldest),
    findPending: (cursors: ReadonlyMap<number, string>, minAgeMs: number) =>
      keys
        .partitions()
        .filter(partition => {
          const after = cursors.get(partition) ?? '0-0'
          return readEntries(keys, partition, { after, newest: nowMs() - minAgeMs, limit: 1 }).length > 0
        })
        .sort((a, b) => a - b),
    oldestPendingMs: (cursors: ReadonlyMap<number, string>) =>
      Math.max(
        0,
        ...keys.partitions().flatMap(partition => {
          const after = cursors.get(partition) ?? '0-0'
          const [head] = readEntries(keys, partition, { after, newest: nowMs(), limit: 1 })
          return head === undefined ? [] : [nowMs() - Number(head.entryId.split('-')[0])]
        }),
      ),
    /** A replica that is promised to be this one, `lagMs` behind. */
    copy: (options: RedisOptions, lagMs: number) => {
      const replica = keys.copy(options.nowMs)
      replica.rollBack(nowMs() - lagMs)
      return createMemoryRedis(options, replica)
    },
  }
}

type Old = { atMs: number; key: string; value: Value | undefined }
export type Keys = {
  get(key: string): Value | undefined
  write(key: string, value: Value | undefined): void
  names(): string[]
  partitions(): number[]
  /** Forgets every write after then. */
  rollBack(thenMs: number): void
  flush(): void
  copy(nowMs: () => number): Keys
}

function createKeys(nowMs: () => number, values = new Map<string, Value>(), past: Old[] = []): Keys {
  const write = (key: string, value: Value | undefined): void => {
    past.push({ atMs: nowMs(), key, value: values.get(key) })
    if (value === undefined) values.delete(key)
    else values.set(key, value)
  }
  return {
    get: key => values.get(key),
    write,
    names: () => [...values.keys()],
    partitions: (): number[] => {
      const found: number[] = []
      for (const key of values.keys()) if (key.startsWith('o:')) found.push(Number(key.slice(2)))
      return found
    },
    rollBack: thenMs => {
      while (past.length > 0 && (past.at(-1) as Old).atMs > thenMs) {
        const { key, value } = past.pop() as Old
        if (value === undefined) values.delete(key)
        else values.set(key, value)
      }
    },
    flush: () => {
      for (const key of [...values.keys()]) write(key, undefined)
    },
    copy: clock => createKeys(clock, new Map(values), [...past]),
  }
}

const refuseScript = (why: string): never => {
  throw new Unavailable(`Redis: ${why}`)
}

const isOf = (value: Value | undefined, type: Value['type']): boolean =>
  value === undefined || value.type === type

const fieldsOf = (value: Value | undefined): ReadonlyMap<string, string> =>
  value?.type === 'hash' ? value.fields : new Map()
const itemsOf = (value: Value | undefined): readonly string[] => (value?.type === 'list' ? value.items : [])
const entriesOf = (value: Value | undefined): readonly StreamEntry[] =>
  value?.type === 'stream' ? value.entries : []

/** What tonumber() makes of a field. */
const toNumber = (text: string | undefined): number | undefined =>
  text === undefined || text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text)

type Batch = {
  partition: number
  requests: readonly ReserveRequest[]
  atMs: number
  nowMs: number
  onReserve: OnReserve | undefined
}

type Opened = {
  refusal: 'stale' | 'closed' | 'expired' | 'corrupt' | undefined
  isUnreadable: boolean
  none: 'empty' | 'soft_empty'
  storedEpoch: number | undefined
  free: readonly string[]
  winners: ReadonlyMap<string, string>
  taken: number
  held: Map<string, ReserveVerdict>
}

/** `reserve.lua`: reads all, allocates, then writes. */
function reserve(keys: Keys, batch: Batch): ReserveVerdict[] {
  const outbox = keys.get(keyOf.outbox(batch.partition))
  if (!isOf(outbox, 'stream')) refuseScript('WRONGTYPE the outbox is not a stream')
  const opened = new Map<string, Opened>()
  for (const request of batch.requests) {
    const pair = `${request.envelopeId}:${request.epoch}`
    if (!opened.has(pair)) opened.set(pair, open(keys, request, batch.atMs))
  }
  return batch.requests.map(request => {
    const envelope = opened.get(`${request.envelopeId}:${request.epoch}`) as Opened
    const held = envelope.held.get(request.playerId)
    if (held !== undefined) return held
    const reservation = envelope.isUnreadable ? undefined : readHeld(envelope.winners, request)
    if (reservation !== undefined) return { status: 'have', reservation }
    const share = envelope.free[envelope.taken]
    if (envelope.refusal === 'stale') return { status: 'stale', storedEpoch: envelope.storedEpoch }
    if (envelope.refusal !== undefined) return { status: envelope.refusal }
    if (share === undefined) return { status: envelope.none }
    envelope.taken += 1
    const won = win(keys, batch, { request, share })
    envelope.held.set(request.playerId, won)
    return won
  })
}

function open(keys: Keys, { envelopeId, epoch }: ReserveRequest, atMs: number): Opened {
  const gate = keys.get(keyOf.gate(envelopeId))
  const free = keys.get(keyOf.free(envelopeId, epoch))
  const winners = keys.get(keyOf.winners(envelopeId, epoch))
  const fields = fieldsOf(gate)
  const stored = fields.get('epoch')
  const envelope: Opened = {
    refusal: undefined,
    isUnreadable: false,
    none: 'soft_empty',
    storedEpoch: parseEpoch(stored),
    free: itemsOf(free),
    winners: fieldsOf(winners),
    taken: 0,
    held: new Map(),
  }
  if (!isOf(gate, 'hash') || !isOf(free, 'list') || !isOf(winners, 'hash')) {
    return { ...envelope, refusal: 'corrupt', isUnreadable: true }
  }
  if (stored !== String(epoch)) return { ...envelope, refusal: 'stale', isUnreadable: true }
  const [opensMs, expiresMs] = [toNumber(fields.get('opens_ms')), toNumber(fields.get('expires_ms'))]
  const [n, settled] = [toNumber(fields.get('n')), toNumber(fields.get('settled'))]
  if (!fields.has('state') || opensMs === undefined || expiresMs === undefined)
    return { ...envelope, refusal: 'corrupt' }
  if (n === undefined || settled === undefined) return { ...envelope, refusal: 'corrupt' }
  if (fields.get('state') !== 'live') return { ...envelope, refusal: 'closed' }
  if (atMs < opensMs || atMs >= expiresMs) return { ...envelope, refusal: 'expired' }
  if (envelope.winners.size + envelope.free.length !== n) return { ...envelope, refusal: 'corrupt' }
  return { ...envelope, none: settled >= n ? 'empty' : 'soft_empty' }
}

function win(
  keys: Keys,
  { partition, nowMs, onReserve }: Batch,
  { request, share }: { request: ReserveRequest; share: string },
): ReserveVerdict {
  const { envelopeId, playerId, epoch } = request
  const stream = keys.get(keyOf.outbox(partition))
  const lastId = stream?.type === 'stream' ? stream.lastId : { ms: 0, n: 0 }
  const id = nowMs > lastId.ms ? { ms: Math.floor(nowMs), n: 0 } : { ms: lastId.ms, n: lastId.n + 1 }
  const entryId = `${id.ms}-${id.n}`
  const reservation = { envelopeId, playerId, shareNo: Number(share), epoch, entryId }
  const entries = [...entriesOf(stream), { id, entry: { partition, ...reservation } }]
  keys.write(keyOf.outbox(partition), { type: 'stream', entries, lastId: id })
  const winners = keyOf.winners(envelopeId, epoch)
  setFields(keys, winners, [[playerId, `${share}:${entryId}:0`]])
  const free = keyOf.free(envelopeId, epoch)
  const [, ...left] = itemsOf(keys.get(free))
  keys.write(free, left.length === 0 ? undefined : { type: 'list', items: left })
  onReserve?.(reservation)
  return { status: 'won', reservation }
}

function readHeld(winners: ReadonlyMap<string, string>, request: ReserveRequest): Reservation | undefined {
  const [share, entryId] = winners.get(request.playerId)?.split(':') ?? []
  return share === undefined ? undefined : { ...request, shareNo: Number(share), entryId: String(entryId) }
}

function setFields(keys: Keys, key: string, fields: Iterable<readonly [string, string]>): void {
  const changed = new Map(fieldsOf(keys.get(key)))
  for (const [name, value] of fields) changed.set(name, value)
  keys.write(key, { type: 'hash', fields: changed })
}

/** `mark.lua`, for reservations of one partition. */
function mark(keys: Keys, marks: readonly Reservation[]): void {
  for (const { envelopeId, playerId, shareNo, epoch } of marks) {
    const gate = keys.get(keyOf.gate(envelopeId))
    const winners = keys.get(keyOf.winners(envelopeId, epoch))
    if (gate?.type !== 'hash' || winners?.type !== 'hash') continue
    const [, held, entry, settled] = /^(\d+):([\d-]+):(\d)$/.exec(winners.fields.get(playerId) ?? '') ?? []
    if (held !== String(shareNo) || settled !== '0') continue
    setFields(keys, keyOf.winners(envelopeId, epoch), [[playerId, `${held}:${entry}:1`]])
    if (gate.fields.get('epoch') !== String(epoch)) continue
    const count = Number(gate.fields.get('settled') ?? '0') + 1
    setFields(keys, keyOf.gate(envelopeId), [['settled', String(count)]])
  }
}

function removeEntries(keys: Keys, partition: number, entryIds: readonly string[]): void {
  const stream = keys.get(keyOf.outbox(partition))
  if (stream === undefined) return
  if (stream.type !== 'stream') return refuseScript('WRONGTYPE')
  const entries = stream.entries.filter(({ entry }) => !entryIds.includes(entry.entryId))
  keys.write(keyOf.outbox(partition), { ...stream, entries })
}

function readStoredEpoch(keys: Keys, envelopeId: string): number | undefined {
  return parseEpoch(fieldsOf(keys.get(keyOf.gate(envelopeId))).get('epoch'))
}

const parseEpoch = (stored: string | undefined): number | undefined =>
  /^\d{1,15}$/.test(stored ?? '') ? Number(stored) : undefined

export type LoadChunk = Pick<GateLoad, 'envelopeId' | 'epoch' | 'freeShares' | 'winners'> & {
  isFirst: boolean
}

/** `load.lua` */
function loadChunk(keys: Keys, { envelopeId, epoch, freeShares, winners, isFirst }: LoadChunk): void {
  const [free, won] = [keyOf.free(envelopeId, epoch), keyOf.winners(envelopeId, epoch)]
  const [list, hash] = isFirst ? [undefined, undefined] : [keys.get(free), keys.get(won)]
  const items = [...itemsOf(list), ...freeShares.map(String)]
  const fields = new Map(fieldsOf(hash))
  for (const { playerId, shareNo } of winners) fields.set(playerId, `${shareNo}:0-0:1`)
  keys.write(free, items.length === 0 ? undefined : { type: 'list', items })
  keys.write(won, fields.size === 0 ? undefined : { type: 'hash', fields })
}

/** `switch.lua` */
function switchTo(keys: Keys, load: GateLoad): boolean {
  const gate = keys.get(keyOf.gate(load.envelopeId))
  const stored = toNumber(fieldsOf(gate).get('epoch'))
  if (stored !== undefined && stored >= load.epoch) return false
  if (gate?.type !== 'hash') keys.write(keyOf.gate(load.envelopeId), undefined)
  setFields(keys, keyOf.gate(load.envelopeId), [
    ['epoch', String(load.epoch)],
    ['state', 'live'],
    ['opens_ms', String(load.opensAtMs)],
    ['expires_ms', String(load.expiresAtMs)],
    ['n', String(load.shareCount)],
    ['settled', String(load.winners.length)],
  ])
  return true
}

/** `inspect.lua` */
function inspect(keys: Keys, envelopeId: string, epoch: number): GateView {
  const gate = keys.get(keyOf.gate(envelopeId))
  const free = keys.get(keyOf.free(envelopeId, epoch))
  const winners = keys.get(keyOf.winners(envelopeId, epoch))
  if (gate === undefined) return { status: 'absent' }
  if (gate.type !== 'hash' || !isOf(free, 'list') || !isOf(winners, 'hash')) return { status: 'unreadable' }
  const stored = gate.fields.get('epoch')
  if (stored !== String(epoch)) return { status: 'other_epoch', storedEpoch: Number(stored ?? '') }
  return {
    status: 'read',
    shareCount: Number(gate.fields.get('n') ?? ''),
    settled: Number(gate.fields.get('settled') ?? ''),
    free: itemsOf(free).length,
    winners: [...fieldsOf(winners)].map(([playerId, value]) => {
      const [shareNo, entryId = '0-0', settled] = value.split(':')
      return { playerId, shareNo: Number(shareNo), entryId, isSettled: settled === '1' }
    }),
  }
}

function findUnsettled(
  keys: Keys,
  { envelopeId, epoch, newest }: { envelopeId: string; epoch: number; newest: number },
): Reservation[] {
  return [...fieldsOf(keys.get(keyOf.winners(envelopeId, epoch)))].flatMap(([playerId, value]) => {
    const [shareNo, entryId = '0-0', settled] = value.split(':')
    const isDue = settled === '0' && Number(entryId.split('-')[0]) <= newest
    return isDue ? [{ envelopeId, playerId, shareNo: Number(shareNo), epoch, entryId }] : []
  })
}

const parseId = (text: string): StreamId => {
  const [ms, n] = text.split('-')
  return { ms: Number(ms), n: Number(n ?? 0) }
}

function readEntries(
  keys: Keys,
  partition: number,
  { after, newest, limit }: { after: string; newest: number; limit: number },
): OutboxEntry[] {
  const stream = keys.get(keyOf.outbox(partition))
  if (!isOf(stream, 'stream')) return refuseScript('WRONGTYPE')
  const { ms, n } = parseId(after)
  const found: OutboxEntry[] = []
  for (const { id, entry } of entriesOf(stream)) {
    if (found.length === limit || id.ms > newest) break
    if (id.ms > ms || (id.ms === ms && id.n > n)) found.push(entry)
  }
  return found
}

function trim(keys: Keys, partition: number, oldest: number): void {
  const stream = keys.get(keyOf.outbox(partition))
  if (stream?.type !== 'stream' || !stream.entries.some(({ id }) => id.ms < oldest)) return
  keys.write(keyOf.outbox(partition), {
    ...stream,
    entries: stream.entries.filter(({ id }) => id.ms >= oldest),
  })
}
