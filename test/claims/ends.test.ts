import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { isRowError } from '#platform/postgres.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import { expireDue } from '../../src/envelopes/expire.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { plantMass } from './mass.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

/**
 * How envelopes end while players claim: closed, expired, or both at once, at the exact moment, at random ones, and ten
 * thousand together. `ENDS=20000 ENDING=10000 npx tap test/claims/ends.test.ts` is the long run.
 */
t.setTimeout(600_000)
const setting = (name: string, usual: number): number => Number(process.env[name] ?? usual)
const ENDS = setting('ENDS', 300)
const ENDING = setting('ENDING', 10_000)

t.test('ends', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createCrowd, createMerchant, stateOf, ask, server, world } = stage
  const { clock, database } = world
  const hider = await createMerchant()
  const inMs = (ms: number) => new Date(clock.nowMs() + ms).toISOString()
  const ports = {
    transact: database.transact,
    record: envelopeRecord,
    ledger: { post: postTransfers, isInsufficientFunds },
    announcer: stage.announcer,
    log: stage.log,
    isRowError,
  }
  const expire = (limit = 500) => expireDue(ports, { nowMs: clock.nowMs(), limit })
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, world)
    })
  const money = (minor: number) => ({ amountMinor: String(minor), currency: 'CNY' })
  const moneyOf = async (id: string) => {
    const [row] = await ask<{ claimed: bigint; refunded: bigint; escrow: bigint }>(sumEnvelope, [id])
    return row
  }

  scene(
    'the exact moment: the gate stops claims, the row decides about what was reserved before',
    async t => {
      const [first, second, third, late] = (await createCrowd(4)) as Four
      const hide = () => hideWell(hider, { total: money(300), shares: 3, expiresAt: inMs(3_600_000) })
      const { id: kept } = await hide()
      // One sweep takes a whole partition: the other envelope must be of another.
      let { id: refused } = await hide()
      while (partitionOf(refused) === partitionOf(kept)) ({ id: refused } = await hide())
      const toTheEnd = clock.nowMs() + 3_600_000
      clock.set(toTheEnd - 1)
      t.equal(outcomeOf(await claim(first, kept)), 'claimed', 'a millisecond before')
      t.equal(outcomeOf(await claim(second, refused)), 'claimed')
      await server.drain()
      const { shareNo } = await stage.reserveAndDie(kept, second)
      await stage.reserveAndDie(refused, third)
      await Promise.all([kept, refused].map(stage.age))

      clock.set(toTheEnd)
      t.equal(outcomeOf(await claim(late, kept)), 'try_again', 'nothing is promised from this moment on')
      await server.sweep(kept)
      t.match(
        await claim(second, kept),
        { status: 'claimed', claim: { shareNo } },
        'settled before the expiry',
      )
      t.same(await expire(), { more: false })
      t.match(await moneyOf(kept), { claimed: 200n, refunded: 100n, escrow: 0n })
      t.equal(outcomeOf(await claim(late, kept)), 'ended:expired')
      t.match(await claim(second, kept), { status: 'claimed', claim: { shareNo } }, 'and ever after')

      await server.sweep(refused)
      t.match(
        await moneyOf(refused),
        { claimed: 100n, refunded: 200n, escrow: 0n },
        'settled after the expiry',
      )
      t.equal(outcomeOf(await claim(third, refused)), 'ended:expired')
    },
  )

  scene('closed and expired at random moments, under claims, on two servers', async t => {
    const servers = [server, stage.createServer()] as const
    for (let done = 0; done < ENDS; done += round.envelopes) await playRound(t, servers)
    for (const { drain } of servers) await drain()
  })

  /** A few envelopes whose moments come while everybody claims, some are closed, and three servers expire. */
  async function playRound(t: Test, servers: readonly (typeof server)[]): Promise<void> {
    const players = await createCrowd(round.envelopes * round.players)
    const ids: string[] = []
    const startMs = clock.nowMs() + 60_001
    for (let i = 0; i < round.envelopes; i++) {
      const body = { total: money(1_000), shares: 3 + (i % 5), split: 'lucky' as const }
      const { id } = await hideWell(hider, {
        ...body,
        expiresAt: new Date(startMs + i * 1_000).toISOString(),
      })
      ids.push(id)
    }
    const moment = () => sleep(Math.random() * round.lastsMs)
    const insist = async (player: PlayerCaller, id: string, on: typeof server) => {
      await moment()
      for (;;) {
        const answer = outcomeOf(await claim(player, id, { on }))
        if (answer !== 'try_again' && answer !== 'unavailable') return answer
        await stage.comeBack(5)
      }
    }
    let isOver = false
    const expiries = [1, 2, 3].map(async () => {
      while (!isOver) {
        await expire(4)
        await sleep(2)
      }
    })
    const closes = ids.map(async (id, i) => {
      await moment()
      return i % 2 === 0 ? stage.envelopes.close({ caller: hider, id }) : undefined
    })
    const time = ids.map(async (_, i) => {
      await sleep((i / ids.length) * round.lastsMs)
      clock.set(Math.max(clock.nowMs(), startMs + i * 1_000))
    })
    const claims = ids.map((id, i) => {
      const own = players.slice(i * round.players, (i + 1) * round.players)
      return Promise.all(own.map((player, k) => insist(player, id, servers[k % 2] as typeof server)))
    })
    const answers = await Promise.all(claims)
    await Promise.all([...closes, ...time])
    await expire()
    isOver = true
    await Promise.all(expiries)
    for (const [i, id] of ids.entries()) {
      const sums = await moneyOf(id)
      const state = await stateOf(id)
      t.equal(
        (sums?.claimed ?? 0n) + (sums?.refunded ?? 0n),
        1_000n,
        `${state?.state}: claims + refund = total`,
      )
      t.equal(sums?.escrow, 0n)
      const [row] = await ask<{ n: bigint }>('select count(*) as n from claims where envelope_id = $1', [id])
      const heard = answers[i] ?? []
      t.equal(heard.filter(answer => answer === 'claimed').length, Number(row?.n), heard.join())
      t.notOk(heard.find(answer => answer !== 'claimed' && answer !== `ended:${state?.state}`))
    }
  }

  scene('ten thousand end together: soon, in short batches, while others claim and hide', async t => {
    const [winner, ...others] = (await createCrowd(101)) as [PlayerCaller, ...PlayerCaller[]]
    await plantMass(stage, { count: ENDING, expiresAtMs: clock.nowMs() + 3_600_000, hider, winner })
    const { id: elsewhere } = await hideWell(hider, { total: money(10_000), shares: 100 })
    const job = stage.envelopes.jobs.filter(({ name }) => name === 'expire-envelopes')
    const servers = [1, 2].map(() => stage.createJobs(job, { clock, database, log: stage.log }))
    const before = await stage.balanceOf(hider.id)
    stage.announcedByEnvelopes.length = 0
    clock.advance(3_600_000)
    const moment = new Date(clock.nowMs())
    const countLeft = async () => {
      const [row] = await ask<{ n: bigint }>(countDue, [moment])
      return Number(row?.n)
    }
    const startMs = performance.now()
    for (const server of servers) server.start()
    let left = ENDING
    const meanwhile = { claims: 0, hides: 0, hidden: 0n }
    const claiming = (async () => {
      for (const player of others) {
        t.equal(outcomeOf(await claim(player, elsewhere)), 'claimed')
        if (left > 0) meanwhile.claims++
      }
    })()
    while ((left = await countLeft()) > 0) {
      await hideWell(hider, { total: money(300), shares: 3 })
      meanwhile.hidden += 300n
      meanwhile.hides++
      await sleep(20)
    }
    const tookMs = performance.now() - startMs
    await claiming
    await Promise.all(servers.map(server => server.stop()))
    t.comment(`${ENDING} envelopes expired in ${tookMs.toFixed(0)} ms`)
    t.ok(tookMs < 60_000, 'ten seconds, and six times that on a machine that does much else')
    t.ok(meanwhile.claims > 3, `${meanwhile.claims} claims were answered meanwhile`)
    t.ok(
      meanwhile.hides > 3,
      `${meanwhile.hides} envelopes were hidden meanwhile from the wallet that is refunded`,
    )
    const isEnd = (event: unknown) => (event as { event?: string }).event === 'ended'
    t.equal(stage.announcedByEnvelopes.filter(isEnd).length, ENDING, 'each was told once')
    const refunded = (await stage.balanceOf(hider.id)) - before + meanwhile.hidden
    t.equal(refunded, BigInt(300 * ENDING - 100 * Math.floor(ENDING / 2)))
    t.same(stage.logged, [])
  })
})

type Four = [PlayerCaller, PlayerCaller, PlayerCaller, PlayerCaller]

const round = { envelopes: 20, players: 6, lastsMs: 250 }

const countDue = "select count(*) as n from envelopes where state in ('funded', 'live') and expires_at <= $1"

const sumEnvelope = `
  select coalesce(sum(amount) filter (where kind = 'claim'), 0)::bigint as claimed,
    coalesce(sum(amount) filter (where kind = 'refund'), 0)::bigint as refunded,
    (select credits - debits from accounts where kind = 'escrow' and owner_id = $1) as escrow
  from transfers where envelope_id = $1`
