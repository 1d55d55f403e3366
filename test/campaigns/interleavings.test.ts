/**
 * A merchant, players, the schedule and two servers that do the work of drops, none of whom know of the others, do
 * whatever they can at once: dropping, topping up, extending, pausing, resuming, closing, claiming, filling, opening,
 * expiring. Whatever comes of it, the books balance after every step; in the end each drop was all or nothing, every
 * account of a campaign is empty, and what left the merchants' wallets is what the players won.
 * `INTERLEAVINGS` for more of them, `SEED` for others.
 */
import t, { type Test } from 'tap'
import type { MerchantCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createDice } from '../simulation/dice.ts'
import { createCampaignStage, must } from './stage.ts'

const wanted = Number(process.env.INTERLEAVINGS ?? 16)
const seed = Number(process.env.SEED ?? 1)
const [atOnce, steps] = [8, 10]

const stage = await createCampaignStage(t)
const { world, campaigns, launchNew, drop, ask, createCrowd, claim, createServer, envelopes } = stage
const dice = createDice(seed)
const servers = [stage.server, createServer()]
const minute = 60_000

type Played = { merchant: MerchantCaller; id: string }
type Live = { id: string; lng: number; lat: number }

const outcomes = new Map<string, number>()
function note(what: string, answer: object): void {
  const { status, code, reason } = answer as { status: unknown; code?: string; reason?: string }
  const outcome = [what, code ?? status, ...(reason === undefined ? [] : [reason])].join(' ')
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

/** What the merchant tries next, whatever the state is. */
function draw({ merchant, id }: Played): () => Promise<void> {
  const move = (to: 'paused' | 'live' | 'ended') => async () =>
    note(to, await campaigns.move({ caller: merchant, id, to }))
  const envelopesWanted = dice.between(1, 30)
  const amountMinor = String(dice.pick([7, 100, 900]))
  const split = dice.pick(['equal', 'lucky'] as const)
  const order = async () =>
    note(
      'drop',
      await drop(merchant, id, {
        ...{ amountMinor, shares: dice.between(1, 3), split },
        strategy: { type: 'uniform', envelopes: envelopesWanted },
      }),
    )
  const topUp = async () => {
    const body = { amountMinor: String(dice.between(1, 5_000)) }
    note('top-up', await campaigns.topUp({ caller: merchant, id, body, idempotencyKey: stage.key() }))
  }
  const extend = async () => {
    const seen = await stage.campaignOf(id)
    if (seen === undefined) return
    const endsAt = new Date(seen.schedule.endsAtMs + minute * dice.between(1, 60)).toISOString()
    const { version } = seen
    note('extend', await campaigns.extend({ caller: merchant, id, version, body: { endsAt } }))
  }
  return dice.pick([
    topUp,
    extend,
    order,
    order,
    order,
    move('paused'),
    move('live'),
    move('live'),
    dice.chance(0.3) ? move('ended') : order,
  ])
}

async function claimSomewhere(
  live: readonly Live[],
  players: Awaited<ReturnType<typeof createCrowd>>,
): Promise<void> {
  if (live.length === 0) return
  const envelope = dice.pick(live)
  note('claim', await claim(dice.pick(players), envelope.id, { at: envelope, on: dice.pick(servers) }))
}

/** The jobs of one server, in some order. A lock keeps servers apart in life; here they meet. */
async function work(): Promise<void> {
  const jobs = [...campaigns.jobs, ...envelopes.jobs]
  for (let i = 0; i < 3; i++) await dice.pick(jobs).run(0)
}

const liveOf = (played: readonly Played[]): Promise<Live[]> =>
  ask(
    `select id, st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
     where campaign_id = any($1) and state in ('live', 'empty') order by id`,
    [played.map(({ id }) => id)],
  )

async function settleEverything(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    for (const job of [...campaigns.jobs, ...envelopes.jobs]) {
      for (let more = true; more; ) more = (await job.run(0)).more
    }
  }
}

t.test(`${wanted} campaigns, seed ${seed}`, { timeout: 3_600_000 }, async t => {
  for (let played = 0; played < wanted; played += atOnce) {
    const batch: Played[] = []
    for (let i = 0; i < Math.min(atOnce, wanted - played); i++) {
      const hours = dice.pick([1, 24, 200])
      const endsAt = new Date(world.clock.nowMs() + hours * 60 * minute).toISOString()
      const plan = { schedule: { endsAt }, budget: { amountMinor: '20000', currency: 'CNY' } }
      const limit = dice.chance(0.5) && { winsPerPlayer: dice.between(1, 2) }
      batch.push(await launchNew({ ...plan, ...limit }))
    }
    for (let step = 0; step < steps; step++) {
      const [live, players] = [await liveOf(batch), await createCrowd(20)]
      const acts = batch.map(one => draw(one)())
      const claims = Array.from({ length: 30 }, () => claimSomewhere(live, players))
      await Promise.all([...acts, ...claims, work(), work(), work()])
      world.clock.advance(dice.pick([1, minute, 20 * minute]))
      await assertBooks(t, world)
    }
    // Some of these last drops are still filling when their campaign ends.
    const last = { strategy: { type: 'uniform' as const, envelopes: 2 }, amountMinor: '7', shares: 1 }
    for (const { merchant, id } of batch) note('drop', await drop(merchant, id, last))
    const ends = batch.map(({ merchant, id }) =>
      campaigns.move({ caller: merchant, id, to: 'ended' }).then(must),
    )
    await Promise.all([...ends, work(), work()])
    await Promise.all(servers.map(server => server.drain()))
    await settleEverything()
    await judge(t, batch)
  }
  t.comment(JSON.stringify(Object.fromEntries([...outcomes].sort())))
  for (const outcome of [
    'drop 202',
    'claim claimed',
    'claim frozen',
    'paused 200',
    'live 200',
    'ended 200',
    'top-up 200',
    'extend 200',
  ])
    t.ok(outcomes.get(outcome), `some are ${outcome}`)
  const ends = await ask<{ state: string }>('select distinct state from drops order by state')
  t.same(
    ends.map(({ state }) => state),
    ['live', 'undone'],
    'some drops went live, and some were undone',
  )
})

async function judge(t: Test, batch: readonly Played[]): Promise<void> {
  const ids = batch.map(({ id }) => id)
  const unsettled = await ask('select id, state from campaigns where id = any($1) and settled_at is null', [
    ids,
  ])
  t.same(unsettled, [], 'every campaign is settled')
  const held = await ask(
    `select kind, owner_id from accounts where credits <> debits and (
       owner_id = any($1)
       or owner_id in (select id from drops where campaign_id = any($1))
       or owner_id in (select id from envelopes where campaign_id = any($1)))`,
    [ids],
  )
  t.same(held, [], 'nothing is left in campaigns, drops and envelopes')
  const partly = await ask(
    `select d.id, d.state, count(e.id) from drops d left join envelopes e on e.drop_id = d.id
     where d.campaign_id = any($1) group by d.id
     having d.state not in ('live', 'undone') or (d.state = 'live' and count(e.id) <> d.envelopes)
       or (d.state = 'undone' and exists (
         select from claims c join envelopes u on u.id = c.envelope_id where u.drop_id = d.id))`,
    [ids],
  )
  t.same(partly, [], 'all or none')
  const over = await ask(
    `select c.id, claims.player_id, count(*) from campaigns c join envelopes e on e.campaign_id = c.id
     join claims on claims.envelope_id = e.id where c.id = any($1) and c.wins_per_player is not null
     group by c.id, claims.player_id having count(*) > c.wins_per_player`,
    [ids],
  )
  t.same(over, [], 'nobody won more often than they may')
  const unpaid = await ask(
    `select a.owner_id from accounts a where a.kind = 'wallet' and a.owner_id = any($1)
     and 99999999 - (a.credits - a.debits) <> (select coalesce(sum(cl.amount), 0) from claims cl
       join envelopes e on e.id = cl.envelope_id where e.hider_id = a.owner_id)`,
    [batch.map(({ merchant }) => merchant.id)],
  )
  t.same(unpaid, [], 'what a merchant misses, players have won')
}
