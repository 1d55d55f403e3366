/**
 * The second opinion: keeps its own books of what was promised and what was committed, knows nothing of how either came
 * about, and names the first invariant of the claim protocol that is broken (I1 to I9; `F` is a fault that no server
 * caused). What must hold at every commit is judged at every commit.
 */
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import type { Claim } from '../../src/claims/record.ts'
import type { Reservation } from '../../src/claims/reservation.ts'
import type { Commit, EnvelopeRow, MemoryPostgres } from './memory-postgres.ts'
import { keyOf, type MemoryRedis } from './memory-redis.ts'

export type Violation = { invariant: string; what: string }

/** Of one envelope, from commits alone. */
type Book = {
  total: bigint
  amounts: readonly bigint[]
  claims: Map<string, Claim>
  shares: Set<number>
  claimed: bigint
  refunded: bigint
  refunds: number
  paid: Map<string, bigint>
}

type Frame = { type: string; [field: string]: unknown }

export type Auditor = ReturnType<typeof createAuditor>

export function createAuditor(nowMs: () => number, note: (what: () => string) => void) {
  const books = new Map<string, Book>()
  const reserved = new Set<string>()
  const promised = new Map<string, Promised>()
  const turnedAway = new Map<string, string>()
  const permits = new Map<string, number>()
  let violation: Violation | undefined
  let tables: MemoryPostgres['tables'] | undefined
  const tablesOf = () => tables as MemoryPostgres['tables']
  const violate = (invariant: string, what: string): void => {
    violation ??= { invariant, what }
    note(() => `VIOLATION ${invariant}: ${what}`)
  }
  const expect = (holds: boolean, invariant: string, what: () => string): void => {
    if (!holds) violate(invariant, what())
  }
  const rowOf = (id: string) => tablesOf().envelopes.get(id)?.committed
  const context = { books, reserved, promised, turnedAway, expect, rowOf, tablesOf, nowMs }
  return {
    violation: () => violation,
    watch(postgres: MemoryPostgres): void {
      tables = postgres.tables
    },
    opened(row: EnvelopeRow, amounts: readonly bigint[]): void {
      const money = { claimed: 0n, refunded: 0n, refunds: 0, paid: new Map<string, bigint>() }
      books.set(row.id, { total: row.totalMinor, amounts, claims: new Map(), shares: new Set(), ...money })
    },
    reserved: ({ envelopeId, playerId, shareNo, epoch }: Reservation): void => {
      reserved.add(`${envelopeId} ${playerId} ${shareNo} ${epoch}`)
    },
    committed: (commit: Commit): void => judgeCommit(context, commit),
    heard: (server: string, asked: Asked, answer: ClaimAnswer): void =>
      judgeAnswer(context, { server, ...asked }, answer),
    heardEnd(server: string, envelopeId: string, reason: string): void {
      const state = rowOf(envelopeId)?.state
      expect(
        state === reason,
        'I4',
        () => `${server} announces ${reason} of ${envelopeId}, which is ${state}`,
      )
    },
    heardFrame(server: string, playerId: string, frame: Frame): void {
      if (frame.type === 'claim.settled') judgeFrame(context, { server, playerId, frame })
    },
    permit(playerId: string, change: number): void {
      const left = (permits.get(playerId) ?? 0) + change
      permits.set(playerId, left)
      expect(left >= 0, 'F', () => `${playerId} was given a permit back that nobody took`)
    },
    sawFault(where: string, fault: unknown): void {
      violate('F', `${where}: ${fault instanceof Error ? fault.stack : String(fault)}`)
    },
    stuck: (what: string): void => violate('I5', what),
    /** After the quiet: nothing waits any more, and everything adds up once again. */
    conclude(redis: MemoryRedis, postgres: MemoryPostgres): void {
      judgeEnd(context, redis)
      judgeLedger(context)
      for (const [key, { owner, usedAtMs }] of postgres.tables.advisory) {
        expect(nowMs() - usedAtMs < lockedMs, 'I5', () => `${owner} holds ${key} since ${usedAtMs}`)
      }
    },
  }
}

type Asked = { playerId: string; envelopeId: string; askedAtMs: number }
type Promised = { claim: Claim; atMs: number }
type Context = {
  books: Map<string, Book>
  reserved: Set<string>
  promised: Map<string, Promised>
  turnedAway: Map<string, string>
  expect: (holds: boolean, invariant: string, what: () => string) => void
  rowOf: (id: string) => EnvelopeRow | undefined
  tablesOf: () => MemoryPostgres['tables']
  nowMs: () => number
}

const isOver = (state: string): boolean => ['empty', 'expired', 'closed'].includes(state)

function judgeCommit({ books, reserved, expect, tablesOf }: Context, commit: Commit): void {
  const before = new Map(commit.envelopes.map(change => [change.after.id, change]))
  for (const claim of commit.claims) {
    const { envelopeId, playerId, shareNo, amountMinor } = claim
    const book = books.get(envelopeId) as Book
    const row = before.get(envelopeId)?.before
    const name = `${envelopeId}, player ${playerId}, share ${shareNo}`
    expect(!book.claims.has(playerId), 'I1', () => `a second claim of one player: ${name}`)
    expect(!book.shares.has(shareNo), 'I1', () => `a share is sold twice: ${name}`)
    expect(book.amounts[shareNo - 1] === amountMinor, 'I2', () => `a claim is not worth its share: ${name}`)
    expect(
      row !== undefined && row.state === 'live',
      'I9',
      () => `settled into one that is ${row?.state}: ${name}`,
    )
    const isDue = reserved.has(`${envelopeId} ${playerId} ${shareNo} ${row?.epoch}`)
    expect(isDue, 'I8', () => `settled under epoch ${row?.epoch}, where it was never reserved: ${name}`)
    book.claims.set(playerId, claim)
    book.shares.add(shareNo)
    book.claimed += amountMinor
  }
  for (const { id, kind, debit, amountMinor, envelopeId } of commit.transfers) {
    const book = books.get(String(envelopeId)) as Book
    expect(debit.kind === 'escrow', 'I2', () => `a ${kind} leaves a ${debit.kind}`)
    if (kind === 'refund') {
      book.refunded += amountMinor
      book.refunds += 1
      expect(book.refunds === 1, 'I9', () => `a second refund of ${envelopeId}`)
    } else book.paid.set(id, amountMinor)
  }
  const moved = commit.balances.reduce(
    (sum, { before: old, after }) =>
      sum + (after.credits - after.debits) - (old === undefined ? 0n : old.credits - old.debits),
    0n,
  )
  expect(moved === 0n, 'I7', () => `a commit makes ${moved} out of nothing`)
  for (const { before: old, after } of commit.envelopes) {
    if (old === undefined) continue
    const { id } = after
    expect(
      after.epoch >= old.epoch,
      'I8',
      () => `the epoch of ${id} falls from ${old.epoch} to ${after.epoch}`,
    )
    expect(
      !isOver(old.state) || after.state === old.state,
      'I4',
      () => `${id} was ${old.state}, is ${after.state}`,
    )
  }
  const touched = new Set([
    ...before.keys(),
    ...commit.claims.map(({ envelopeId }) => envelopeId),
    ...commit.transfers.map(({ envelopeId }) => String(envelopeId)),
  ])
  for (const id of touched) judgeBook({ expect, tablesOf }, books.get(id) as Book, id)
}

function judgeBook({ expect, tablesOf }: Pick<Context, 'expect' | 'tablesOf'>, book: Book, id: string): void {
  const row = tablesOf().envelopes.get(id)?.committed as EnvelopeRow
  const escrow = tablesOf().accounts.get(`escrow:${id}:${row.currency}`)?.committed
  const held = escrow === undefined ? 0n : escrow.credits - escrow.debits
  const { total, claimed, refunded, claims, paid } = book
  const figures = () => `${id}: total ${total}, claimed ${claimed}, refunded ${refunded}, held ${held}`
  expect(total === claimed + refunded + held, 'I2', figures)
  expect(!isOver(row.state) || held === 0n, 'I2', () => `ended, and not empty: ${figures()}`)
  const isCounted = row.claimedShares === claims.size && row.claimedMinor === claimed
  expect(isCounted, 'I2', () => `counters of ${figures()}: ${row.claimedShares}, ${row.claimedMinor}`)
  const isPaid =
    paid.size === claims.size && [...claims.values()].every(c => paid.get(c.id) === c.amountMinor)
  expect(isPaid, 'I2', () => `a claim without its transfer, or the reverse: ${figures()}`)
}

const isSame = (a: Claim, b: Claim): boolean =>
  a.id === b.id &&
  a.shareNo === b.shareNo &&
  a.amountMinor === b.amountMinor &&
  a.currency === b.currency &&
  a.claimedAtMs === b.claimedAtMs

function judgeAnswer(context: Context, asked: Asked & { server: string }, answer: ClaimAnswer): void {
  const { books, promised, turnedAway, expect, rowOf, nowMs } = context
  const { server, playerId, envelopeId, askedAtMs } = asked
  const pair = `${envelopeId} ${playerId}`
  const row = rowOf(envelopeId)
  const own = books.get(envelopeId)?.claims.get(playerId)
  if (answer.status === 'claimed') {
    const { claim } = answer
    const told = promised.get(pair)
    const isAgreed = told === undefined || isSame(told.claim, claim)
    expect(isAgreed, 'I6', () => `${server} tells ${pair} another win than before`)
    if (told === undefined) promised.set(pair, { claim, atMs: nowMs() })
    expect(
      own !== undefined && isSame(own, claim),
      'I3',
      () => `${server} promises ${pair} what is not on record`,
    )
    expect(
      !turnedAway.has(pair),
      'I6',
      () => `${server} tells ${pair} of a win after "${turnedAway.get(pair)}"`,
    )
    return
  }
  if (answer.status === 'pending') return
  if (answer.code === 'ended') {
    const isTrue = row !== undefined && isOver(row.state) && row.state === answer.reason
    expect(isTrue, 'I4', () => `${server} tells ${pair} ended: ${answer.reason}, and it is ${row?.state}`)
    expect(own === undefined, 'I6', () => `${server} tells ${pair} ended, who has a win`)
    turnedAway.set(pair, `ended: ${answer.reason}`)
  }
  if (answer.code === 'frozen') {
    expect(row?.state === 'frozen', 'I4', () => `${server} tells ${pair} frozen, and it is ${row?.state}`)
  }
  if (answer.code === 'out_of_reach') {
    // A question that was asked before the promise may have been answered before it, too.
    const wasPromised = (promised.get(pair)?.atMs ?? Infinity) < askedAtMs
    expect(!wasPromised, 'I6', () => `${server} tells ${pair} out_of_reach, who was promised a win`)
  }
}

function judgeFrame(
  { books, expect }: Context,
  { server, playerId, frame }: { server: string; playerId: string; frame: Frame },
): void {
  const { envelopeId, amount } = frame as unknown as { envelopeId: string; amount: { amountMinor: string } }
  const own = books.get(envelopeId)?.claims.get(playerId)
  const isTrue = own !== undefined && String(own.amountMinor) === amount.amountMinor
  expect(isTrue, 'I3', () => `${server} announces a win to ${playerId} that is not on record`)
}

/** PostgreSQL itself ends a transaction in which nothing happens for so long. */
const lockedMs = 10_000

/** Late by the job's pace and the quiet before the end. */
const expiryGraceMs = 20_000

function judgeEnd({ books, promised, expect, rowOf, tablesOf, nowMs }: Context, redis: MemoryRedis): void {
  for (const [pair, { claim }] of promised) {
    const [envelopeId = '', playerId = ''] = pair.split(' ')
    const kept = tablesOf().claimByPlayer.get(`${envelopeId}:${playerId}`)
    const isKept = kept !== undefined && kept.tx === undefined && isSame(kept.value, claim)
    expect(isKept, 'I3', () => `what ${pair} was promised is gone`)
  }
  const { deadLetters, everRefused } = tablesOf()
  for (const { entry, fault } of deadLetters.values()) {
    const { envelopeId, playerId, shareNo } = entry as Reservation
    const isBad = everRefused.has(playerId) || shareNo > (books.get(envelopeId)?.amounts.length ?? 0)
    expect(isBad, 'F', () => `a dead letter that no bad row explains: ${envelopeId} ${playerId}: ${fault}`)
  }
  for (const [id, book] of books) {
    const row = rowOf(id) as EnvelopeRow
    const isLate = ['funded', 'live'].includes(row.state) && row.expiresAtMs + expiryGraceMs < nowMs()
    expect(!isLate, 'I5', () => `${id} is over since ${row.expiresAtMs} and still ${row.state}`)
    if (row.state === 'live') judgeGate({ expect }, { row, book, redis })
  }
}

/** Nothing that the gate in force has reserved is left unsettled. */
function judgeGate(
  { expect }: Pick<Context, 'expect'>,
  { row, book, redis }: { row: EnvelopeRow; book: Book; redis: MemoryRedis },
): void {
  const { id } = row
  const epoch = Number(row.epoch)
  if (redis.storedEpoch(id) !== epoch) return
  const winners = redis.keys.get(keyOf.winners(id, epoch))
  for (const [playerId, value] of winners?.type === 'hash' ? winners.fields : []) {
    const isSettled = value.endsWith(':1')
    expect(isSettled, 'I5', () => `${id}: what ${playerId} reserved is not settled: ${value}`)
    expect(book.claims.has(playerId), 'I5', () => `${id}: ${playerId} holds ${value}, and has no claim`)
  }
}

/** Every account is the sum of its transfers, and all of them together are nothing. */
function judgeLedger({ expect, tablesOf, books }: Context): void {
  const { accounts, transfers } = tablesOf()
  const sums = new Map<string, bigint>()
  const add = (key: string, amount: bigint) => sums.set(key, (sums.get(key) ?? 0n) + amount)
  for (const { value } of transfers.values()) {
    const { debit, credit, amountMinor } = value
    for (const [account, amount] of [
      [debit, -amountMinor],
      [credit, amountMinor],
    ] as const) {
      if (account.kind !== 'external') add(`${account.kind}:${account.ownerId}:${account.currency}`, amount)
    }
  }
  for (const [id, { total }] of books) {
    const currency = tablesOf().envelopes.get(id)?.committed?.currency
    add(`escrow:${id}:${currency}`, total)
  }
  for (const [key, { committed }] of accounts) {
    if (committed === undefined || committed.account.kind === 'external') continue
    const balance = committed.credits - committed.debits
    expect(
      balance === (sums.get(key) ?? 0n),
      'I7',
      () => `${key} holds ${balance}, moved were ${sums.get(key)}`,
    )
    expect(balance >= 0n, 'I7', () => `${key} is below zero`)
  }
}
