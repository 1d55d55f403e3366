/**
 * The audit: counts everything once more, by itself, straight from PostgreSQL and Redis, and compares it with what the
 * clients were promised. Nothing of the servers' code is used, so that a bug there cannot hide here; what
 * `npm run reconcile` finds is asked for beside it.
 */
import type { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Promised } from './promises.ts'

export type Findings = {
  /** Minor units that are not where they should be. */
  centsOff: bigint
  oversold: string[]
  paidTwice: string[]
  missing: string[]
  stuck: string[]
}

type Ask = <R extends object>(text: string) => Promise<R[]>

export type AuditPlace = {
  databaseUrl: string
  askRedis: <T>(work: (redis: Redis) => Promise<T>) => Promise<T>
}

export async function audit({ databaseUrl, askRedis }: AuditPlace, promised: Promised): Promise<Findings> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  const ask: Ask = async <R extends object>(text: string) => (await client.query<R>(text)).rows
  try {
    return {
      centsOff: await countCents(ask),
      oversold: await listOversold(ask),
      paidTwice: await listPaidTwice(ask),
      missing: await listMissing(ask, promised),
      stuck: await listStuck({ databaseUrl, askRedis }),
    }
  } finally {
    await client.end()
  }
}

/** What does not add up: per envelope, per service request, per account and in all. */
async function countCents(ask: Ask): Promise<bigint> {
  const rows = await ask<{ off: string }>(`
    with moved as (
      select envelope_id,
        sum(amount) filter (where kind = 'escrow') as funded,
        coalesce(sum(amount) filter (where kind = 'claim'), 0) as claimed,
        coalesce(sum(amount) filter (where kind = 'refund'), 0) as refunded
      from transfers where envelope_id is not null group by envelope_id),
    won as (select envelope_id, sum(amount) as amount from claims group by envelope_id),
    sides as (
      select id, sum(credit) as credits, sum(debit) as debits from (
        select credit_account as id, amount as credit, 0 as debit from transfers
        union all select debit_account, 0, amount from transfers) s group by id)
    select coalesce(sum(abs(off)), 0)::text as off from (
      select e.total - coalesce(m.funded, 0) as off from envelopes e left join moved m on m.envelope_id = e.id
      union all
      select m.claimed - coalesce(w.amount, 0) from moved m left join won w using (envelope_id)
      union all
      select m.funded - m.claimed - m.refunded - (a.credits - a.debits)
        from moved m join accounts a on a.kind = 'escrow' and a.owner_id = m.envelope_id
      union all
      select a.credits - a.debits from envelopes e join accounts a on a.kind = 'escrow' and a.owner_id = e.id
        where e.state in ('empty', 'expired', 'closed')
      union all
      select e.claimed_amount - coalesce(w.amount, 0) from envelopes e left join won w on w.envelope_id = e.id
      union all
      select c.amount - s.amount from claims c join envelope_shares s using (envelope_id, share_no)
      union all
      select (a.credits - coalesce(s.credits, 0)) + (a.debits - coalesce(s.debits, 0))
        from accounts a left join sides s using (id)
      union all
      select case when r.ended_at is null then r.price else 0 end - coalesce(a.credits - a.debits, 0)
        from service_requests r left join accounts a on a.kind = 'escrow' and a.owner_id = r.id
      union all
      select sum(credits - debits) from accounts group by currency) d`)
  return BigInt(rows[0]?.off ?? -1)
}

async function listOversold(ask: Ask): Promise<string[]> {
  const rows = await ask<{ id: string }>(`
    select e.id from envelopes e join claims c on c.envelope_id = e.id group by e.id
    having count(*) > e.share_count or sum(c.amount) > e.total or count(distinct c.share_no) < count(*)
      or count(distinct c.player_id) < count(*)`)
  return rows.map(({ id }) => `envelope ${id}`)
}

/** One transfer a claim, and none without; one escrow and at most one refund an envelope. */
async function listPaidTwice(ask: Ask): Promise<string[]> {
  const rows = await ask<{ what: string }>(`
    select 'envelope ' || t.envelope_id || ' paid to ' || a.owner_id || ' ' || count(*) || ' times' as what
      from transfers t join accounts a on a.id = t.credit_account where t.kind = 'claim'
      group by t.envelope_id, a.owner_id having count(*) > 1
    union all
    select 'transfer ' || t.id || ' pays no claim' from transfers t left join claims c on c.id = t.id
      where t.kind = 'claim' and c.id is null
    union all
    select 'claim ' || c.id || ' is not paid' from claims c left join transfers t on t.id = c.id where t.id is null
    union all
    select 'envelope ' || envelope_id || ': ' || kind || ' ' || count(*) || ' times' from transfers
      where kind in ('escrow', 'refund') group by envelope_id, kind having count(*) > 1
    union all
    select 'service request ' || service_request_id || ': ' || kind || ' ' || count(*) || ' times' from transfers
      where kind in ('request_escrow', 'request_pay', 'request_refund')
      group by service_request_id, kind having count(*) > 1
    union all
    select 'service request ' || r.id || ' paid to ' || a.owner_id from transfers t
      join service_requests r on r.id = t.service_request_id join accounts a on a.id = t.credit_account
      where t.kind = 'request_pay' and (a.owner_id is distinct from r.provider_id or t.amount <> r.paid)`)
  return rows.map(({ what }) => what)
}

/** Every promise is on record, as it was made; who was told that an envelope had ended has no win there. */
async function listMissing(ask: Ask, promised: Promised): Promise<string[]> {
  const claims = await ask<{ id: string; pair: string; amount: string }>(
    `select id, envelope_id || ' ' || player_id as pair, amount::text from claims`,
  )
  const envelopes = await ask<{ id: string; state: string; total: string; shares: number; refund: string }>(`
    select e.id, e.state, e.total::text, e.share_count as shares, coalesce(t.amount, 0)::text as refund
    from envelopes e left join transfers t on t.envelope_id = e.id and t.kind = 'refund'`)
  const claimOf = new Map(claims.map(claim => [claim.pair, claim]))
  const envelopeOf = new Map(envelopes.map(envelope => [envelope.id, envelope]))
  const wins = [...promised.wins].filter(([pair, { claimId, amountMinor }]) => {
    const claim = claimOf.get(pair)
    return claim?.id !== claimId || claim.amount !== amountMinor
  })
  const losses = [...promised.losses].filter(pair => claimOf.has(pair))
  const hides = [...promised.hides].filter(([id, { totalMinor, shares }]) => {
    const envelope = envelopeOf.get(id)
    return envelope?.total !== totalMinor || envelope.shares !== shares
  })
  const closes = [...promised.closes].filter(([id, refund]) => {
    const envelope = envelopeOf.get(id)
    return envelope?.state !== 'closed' || envelope.refund !== refund
  })
  return [
    ...wins.map(([pair, { amountMinor }]) => `win of ${amountMinor}: ${pair}`),
    ...losses.map(pair => `told that it had ended, and yet a winner: ${pair}`),
    ...hides.map(([id]) => `envelope ${id}`),
    ...closes.map(([id, refund]) => `refund of ${refund}: ${id}`),
    ...(await listMissingErrands(ask, promised)),
  ]
}

type ErrandRow = { id: string; state: string; price: string; paid: string; providers: string[] }

/** Every service request is at the price and with the provider that was told, and ended as it was told. */
async function listMissingErrands(ask: Ask, promised: Promised): Promise<string[]> {
  const rows = await ask<ErrandRow>(`
    select r.id, state, price::text, coalesce(paid::text, '') as paid,
      array(select provider_id::text from service_request_acceptances where request_id = r.id) as providers
    from service_requests r`)
  const said = await ask<{ id: string; no: number; text: string }>('select id, no, text from chat_messages')
  const [requestOf, messageOf] = [
    new Map(rows.map(row => [row.id, row])),
    new Map(said.map(row => [row.id, row])),
  ]
  const errands = [...promised.errands].filter(([id, { priceMinor, providers, end }]) => {
    const row = requestOf.get(id)
    if (row?.price !== priceMinor || ![...providers].every(one => row.providers.includes(one))) return true
    return end !== undefined && (row.state !== end.state || row.paid !== end.paidMinor)
  })
  const messages = [...promised.messages].filter(([id, { no, text }]) => {
    const row = messageOf.get(id)
    return row?.no !== no || row.text !== text
  })
  return [
    ...errands.map(([id, errand]) => `service request ${id}, told ${errand.end?.state ?? errand.priceMinor}`),
    ...messages.map(([id]) => `message ${id}`),
  ]
}

/** What is reserved and not settled in the gates in force, and what waits behind the sweeper's cursor. */
export async function listStuck({ databaseUrl, askRedis }: AuditPlace): Promise<string[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const live = (
      await client.query<{ id: string; epoch: string }>(
        `select id, epoch::text from envelopes where state = 'live'`,
      )
    ).rows
    const cursors = (
      await client.query<{ partition: number; redis_identity: string; entry_id: string }>(
        'select partition, redis_identity, entry_id from outbox_cursors',
      )
    ).rows
    const letters = (await client.query<{ entry_id: string }>('select entry_id from dead_letters')).rows
    const frozen = (await client.query<{ id: string }>(`select id from envelopes where state = 'frozen'`))
      .rows
    const epochs = new Map(live.map(({ id, epoch }) => [id, epoch]))
    const waiting = await askRedis(async redis => [
      ...(await listUnsettled(redis, epochs)),
      ...(await listBehindCursor(redis, cursors)),
    ])
    return [
      ...waiting,
      ...letters.map(({ entry_id }) => `dead letter ${entry_id}`),
      ...frozen.map(({ id }) => `frozen envelope ${id}`),
    ]
  } finally {
    await client.end()
  }
}

async function listUnsettled(redis: Redis, epochs: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = []
  for (const key of await redis.keys('hx:e:*:w:*')) {
    const [, id = '', epoch] = /\}:([0-9a-f-]{36}):w:(\d+)$/.exec(key) ?? []
    if (epochs.get(id) !== epoch || (await redis.type(key)) !== 'hash') continue
    for (const [player, value] of Object.entries(await redis.hgetall(key))) {
      if (!value.endsWith(':1')) found.push(`unsettled: ${id} ${player} ${value}`)
    }
  }
  return found
}

type Cursor = { partition: number; redis_identity: string; entry_id: string }

async function listBehindCursor(redis: Redis, cursors: readonly Cursor[]): Promise<string[]> {
  const info = await redis.info()
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
  const identity = `${field('run_id')}:${field('master_replid')}`
  const found: string[] = []
  for (const key of await redis.keys('hx:o:*')) {
    const partition = Number(/\{(\d+)\}/.exec(key)?.[1])
    const cursor = cursors.find(one => one.partition === partition && one.redis_identity === identity)
    const after = cursor === undefined ? '-' : `(${cursor.entry_id}`
    const waiting = (await redis.type(key)) === 'stream' ? await redis.xrange(key, after, '+') : [[key]]
    found.push(...waiting.map(([entry]) => `not swept: partition ${partition}, ${entry}`))
  }
  return found
}
