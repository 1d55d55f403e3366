-- Webhooks: what merchants and the operator are told over HTTP. An event is written in the transaction of what it
-- tells, and only where an endpoint asks for its type; a job hands it to endpoints, and then it has a life of its own.

create table webhook_endpoints (
  id uuid primary key,
  -- `operator`, or `merchant:` and an id; behind `deleted:` its log goes in batches, and then the row.
  owner text not null check (owner ~ '^(deleted:)?(operator|merchant:[0-9a-f-]{36})$'),
  url text not null check (char_length(url) between 1 and 500),
  types text[] not null check (cardinality(types) > 0),
  description text check (char_length(description) between 1 and 120),
  state text not null check (state in ('active', 'disabled')),
  disabled_reason text check (disabled_reason in ('by_owner', 'gone', 'failing')),
  disabled_at timestamptz,
  -- Sealed; for a while after a rotation the one before signs as well.
  secret text not null,
  previous_secret text,
  previous_until timestamptz,
  -- Since when every attempt has failed.
  failing_since timestamptz,
  created_at timestamptz not null,
  constraint webhook_endpoints_disabled check (
    (state = 'disabled') = (disabled_at is not null) and (state = 'disabled') = (disabled_reason is not null)),
  constraint webhook_endpoints_deleted check (owner not like 'deleted:%' or state = 'disabled'),
  constraint webhook_endpoints_rotation check ((previous_secret is null) = (previous_until is null))
);
create index webhook_endpoints_by_owner on webhook_endpoints (owner, created_at, id);

-- A position is drawn under the row lock of what the event is about, so events of one subject are in order; it counts
-- everybody's events and is never shown. Each index here costs every event: the id needs none.
create table webhook_events (
  position bigint generated always as identity primary key,
  -- The message's id, the same in every attempt.
  id uuid not null default gen_random_uuid(),
  owner text not null,
  type text not null,
  -- What it is about: an envelope, a service request, a campaign.
  subject_id uuid not null,
  facts jsonb not null,
  at timestamptz not null,
  -- Not handed to the endpoints yet.
  is_new boolean not null default true
);
create index webhook_events_new on webhook_events (position) where is_new;
create index webhook_events_by_owner on webhook_events (owner, at, position);

create table webhook_deliveries (
  id uuid primary key default gen_random_uuid(),
  endpoint_id uuid not null references webhook_endpoints on delete cascade,
  position bigint not null references webhook_events on delete cascade,
  subject_id uuid not null,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead')),
  -- When it is sent; only one of those that wait about a subject has it, the others stand behind it.
  due_at timestamptz,
  -- Counts the attempts that were begun; whoever was away for longer than a lease finds another number.
  lease bigint not null default 0,
  leased_until timestamptz,
  failures int not null default 0 check (failures >= 0),
  created_at timestamptz not null,
  ended_at timestamptz,
  unique (position, endpoint_id),
  constraint webhook_deliveries_end check ((state = 'waiting') = (ended_at is null)),
  constraint webhook_deliveries_due check (due_at is null or state = 'waiting'),
  constraint webhook_deliveries_lease check (leased_until is null or due_at is not null)
);
create unique index webhook_deliveries_one_first on webhook_deliveries (endpoint_id, subject_id)
  where due_at is not null;
create index webhook_deliveries_by_due on webhook_deliveries (endpoint_id, due_at, position) where due_at is not null;
create index webhook_deliveries_leased on webhook_deliveries (endpoint_id, leased_until)
  where leased_until is not null;
create index webhook_deliveries_waiting on webhook_deliveries (endpoint_id, subject_id, position)
  where state = 'waiting';
create index webhook_deliveries_by_age on webhook_deliveries (endpoint_id, created_at desc, id desc);
create index webhook_deliveries_undelivered on webhook_deliveries (endpoint_id, created_at desc, id desc)
  where state <> 'delivered';

create table webhook_attempts (
  delivery_id uuid not null references webhook_deliveries on delete cascade,
  lease bigint not null,
  begun_at timestamptz not null,
  took_ms int not null check (took_ms >= 0),
  -- What was answered; or why nothing was.
  status int,
  fault text,
  response text,
  primary key (delivery_id, lease),
  constraint webhook_attempts_outcome check (status is not null or fault is not null)
);

-- Claims. One probe a batch where no merchant has an endpoint at all, one join where some have: the settlement sends no
-- further statement, and no path to a claim, recovery included, can forget it.
create function note_claims() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if exists (select from webhook_endpoints where owner like 'merchant:%') then
    -- Of each envelope it is asked once whether anybody listens, and not of each claim.
    with heard as materialized (
      select e.id, 'merchant:' || e.hider_id as owner, e.campaign_id
      from (select distinct envelope_id from won) w join envelopes e on e.id = w.envelope_id
      where e.hider_kind = 'merchant' and exists (
        select from webhook_endpoints p
        where p.owner = 'merchant:' || e.hider_id and 'envelope.claimed' = any (p.types))
    )
    insert into webhook_events (owner, type, subject_id, facts, at)
    select e.owner, 'envelope.claimed', e.id,
      jsonb_strip_nulls(jsonb_build_object('claimId', c.id, 'campaignId', e.campaign_id, 'playerId', c.player_id,
        'amountMinor', c.amount::text, 'currency', c.currency)),
      c.claimed_at
    from heard e join won c on c.envelope_id = e.id
    order by c.share_no;
  end if;
  return null;
end $$;
create trigger claims_note after insert on claims
  referencing new table as won for each statement execute function note_claims();

create function note_envelope_end() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  insert into webhook_events (owner, type, subject_id, facts, at)
  select 'merchant:' || new.hider_id, 'envelope.ended', new.id,
    jsonb_strip_nulls(jsonb_build_object('campaignId', new.campaign_id, 'reason', new.state, 'shares', new.share_count,
      'claimedShares', new.claimed_shares, 'totalMinor', new.total::text, 'claimedMinor', new.claimed_amount::text,
      'currency', new.currency)),
    new.ended_at
  where exists (
    select from webhook_endpoints p
    where p.owner = 'merchant:' || new.hider_id and 'envelope.ended' = any (p.types));
  return null;
end $$;
-- The condition is judged where the row is, without a call: of the many updates of an envelope, one ends it. What a
-- drop takes back before anybody could see it was never there for anyone.
create trigger envelopes_note_end after update of state on envelopes for each row
  when (new.hider_kind = 'merchant' and new.state is distinct from old.state
    and new.state in ('empty', 'expired', 'closed')
    and not (old.state in ('draft', 'funded') and new.drop_id is not null))
  execute function note_envelope_end();

create function note_campaign() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  insert into webhook_events (owner, type, subject_id, facts, at)
  select 'merchant:' || new.merchant_id, 'campaign.' || new.state, new.id,
    jsonb_build_object('campaignId', new.id, 'name', new.name, 'state', new.state), coalesce(new.ended_at, now())
  where exists (
    select from webhook_endpoints p
    where p.owner = 'merchant:' || new.merchant_id and 'campaign.' || new.state = any (p.types));
  return null;
end $$;
create trigger campaigns_note_move after update of state on campaigns for each row
  when (new.state is distinct from old.state) execute function note_campaign();

-- What became of a drop, which takes a while: nobody has to ask.
create function note_drop() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  event_type text := case new.state when 'live' then 'campaign.dropped' else 'campaign.drop_undone' end;
begin
  insert into webhook_events (owner, type, subject_id, facts, at)
  select 'merchant:' || c.merchant_id, event_type, new.id,
    jsonb_build_object('campaignId', c.id, 'dropId', new.id, 'envelopes', new.envelopes, 'costMinor', new.cost::text,
      'currency', c.currency),
    coalesce(new.ended_at, now())
  from campaigns c
  where c.id = new.campaign_id and exists (
    select from webhook_endpoints p where p.owner = 'merchant:' || c.merchant_id and event_type = any (p.types));
  return null;
end $$;
create trigger drops_note_end after update of state, is_opened on drops for each row
  when (new.is_opened and not old.is_opened or new.state = 'undone' and old.state <> 'undone')
  execute function note_drop();

-- Service requests belong to players; the operator is told of them. Where the row keeps no time for a move (a dispute,
-- a request that opens again, a campaign that pauses), it is PostgreSQL's own.
create function note_service_request() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  was_open boolean := false;
  was_draft boolean := false;
  event_type text := 'request.' || case when new.state in ('open', 'offered') then 'opened' else new.state end;
begin
  if tg_op = 'UPDATE' then
    was_open := old.state in ('open', 'offered');
    was_draft := old.state = 'draft';
  end if;
  -- An offer is no new opening, what waits for review is nobody's business yet, and a draft that ends never was.
  if new.state in ('draft', 'review') or (event_type = 'request.opened' and was_open)
    or (was_draft and new.ended_at is not null) then
    return null;
  end if;
  insert into webhook_events (owner, type, subject_id, facts, at)
  select 'operator', event_type, new.id,
    jsonb_strip_nulls(jsonb_build_object('state', new.state, 'mode', new.mode, 'category', new.category,
      'posterId', new.poster_id, 'providerId', new.provider_id, 'priceMinor', new.price::text,
      'paidMinor', new.paid::text, 'currency', new.currency)),
    coalesce(new.ended_at, case when tg_op = 'INSERT' then new.created_at
      when new.state = 'accepted' then new.accepted_at when new.state = 'delivered' then new.delivered_at end, now())
  where exists (
    select from webhook_endpoints p where p.owner = 'operator' and event_type = any (p.types));
  return null;
end $$;
create trigger service_requests_note_opening after insert on service_requests for each row
  execute function note_service_request();
create trigger service_requests_note_move after update of state on service_requests for each row
  when (new.state is distinct from old.state) execute function note_service_request();

grant select, insert, update, delete on webhook_endpoints to hexbao_game;
-- What is old is deleted with its events, and an endpoint's with it.
grant select, insert, update (is_new), delete on webhook_events to hexbao_game;
grant select, insert, update (state, due_at, lease, leased_until, failures, ended_at), delete on webhook_deliveries
  to hexbao_game;
grant select, insert on webhook_attempts to hexbao_game;
