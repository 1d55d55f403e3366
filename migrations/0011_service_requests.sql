-- Service requests: what a player needs at a place, with the pay in escrow until somebody has done it. As with payouts,
-- the money moves exactly as the state says, or the transaction fails.

create table service_requests (
  id uuid primary key,
  poster_id uuid not null references players,
  -- The device that posted it, where the token names one: a second account on it is the same person.
  device_id text,
  mode text not null check (mode in ('choose', 'first_taker')),
  category text not null,
  -- For everybody near; and what only the accepted provider reads, like a door or a name.
  text text not null check (char_length(text) between 1 and 280),
  instructions text check (char_length(instructions) between 1 and 280),
  place geography(Point, 4326) not null,
  cell_r12 bigint not null,
  cell_r9 bigint not null generated always as (cell_parent(cell_r12, 9)) stored,
  cell_r7 bigint not null generated always as (cell_parent(cell_r12, 7)) stored,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- With every top-up.
  price bigint not null check (price between 100 and 9999999),
  top_ups smallint not null default 0 check (top_ups >= 0),
  state text not null,
  -- Grows with every change: of two pictures of a request the larger one is the later one.
  version bigint not null default 1 check (version > 0),
  -- Offers that stand.
  offers int not null default 0 check (offers >= 0),
  provider_id uuid references players,
  -- How far away it is shown, and when it is shown farther.
  reach_m int not null check (reach_m > 0),
  widens_at timestamptz,
  -- When the clock acts in this state: expiry, a delivery that is overdue, a confirmation that is.
  due_at timestamptz,
  deliver_within_s int not null check (deliver_within_s > 0),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  delivered_at timestamptz,
  dispute_reason text check (char_length(dispute_reason) between 1 and 280),
  ended_at timestamptz,
  -- What the provider got of the price; the rest went back.
  paid bigint check (paid between 0 and price),
  constraint service_requests_two_people check (provider_id <> poster_id),
  constraint service_requests_provider check (case
    when state in ('open', 'offered', 'expired') then provider_id is null
    when state = 'cancelled' then true
    else provider_id is not null
  end),
  constraint service_requests_offered check (state <> 'offered' or offers > 0),
  constraint service_requests_end check (
    (ended_at is not null) = (state in ('confirmed', 'settled', 'cancelled', 'expired'))
    and (paid is not null) = (ended_at is not null)),
  constraint service_requests_due
    check ((due_at is not null) = (state in ('open', 'offered', 'accepted', 'delivered'))),
  constraint service_requests_widens check (widens_at is null or state in ('open', 'offered'))
);
create index service_requests_open_by_cell on service_requests (cell_r7) where state in ('open', 'offered');
create index service_requests_by_due on service_requests (due_at, id) where due_at is not null;
create index service_requests_by_widening on service_requests (widens_at, id) where widens_at is not null;
create index service_requests_by_poster on service_requests (poster_id, created_at desc, id desc);
create index service_requests_unended_by_poster on service_requests (poster_id) where ended_at is null;
create index service_requests_by_state on service_requests (state, created_at desc, id desc);

-- The states as one table; the code has the same one and a test compares them.
create table service_request_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into service_request_transitions values
  ('open', 'offered'), ('open', 'accepted'), ('open', 'cancelled'), ('open', 'expired'),
  ('offered', 'open'), ('offered', 'accepted'), ('offered', 'cancelled'), ('offered', 'expired'),
  ('accepted', 'open'), ('accepted', 'offered'), ('accepted', 'delivered'), ('accepted', 'cancelled'),
  ('delivered', 'confirmed'), ('delivered', 'disputed'),
  ('disputed', 'settled');

create function guard_service_request() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'open' then
      raise exception 'service request %: begins as open, not as %', new.id, new.state
        using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if new.state is distinct from old.state and not exists (
    select from service_request_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'service request %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  if new.version <= old.version then
    raise exception 'service request %: the version only grows', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger service_requests_guard before insert or update on service_requests
  for each row execute function guard_service_request();

create table service_request_offers (
  id uuid primary key,
  request_id uuid not null references service_requests,
  provider_id uuid not null references players,
  note text check (char_length(note) between 1 and 280),
  created_at timestamptz not null,
  withdrawn_at timestamptz,
  constraint service_request_offers_once unique (request_id, provider_id)
);
create index service_request_offers_by_request on service_request_offers (request_id, created_at, id);

-- Who was told an exact place, and what came of it: the quota counts these rows, and nobody gets a request twice.
create table service_request_acceptances (
  request_id uuid not null references service_requests,
  provider_id uuid not null references players,
  accepted_at timestamptz not null,
  dropped_at timestamptz,
  primary key (request_id, provider_id)
);
create index service_request_acceptances_by_provider
  on service_request_acceptances (provider_id, accepted_at desc, request_id desc);
create index service_request_acceptances_dropped
  on service_request_acceptances (provider_id, dropped_at desc) where dropped_at is not null;

alter table transfers add column service_request_id uuid references service_requests;
alter table transfers drop constraint transfers_kind_check;
alter table transfers add constraint transfers_kind_check check (kind in
  ('test_money', 'deposit', 'escrow', 'claim', 'refund', 'payout', 'payout_paid', 'payout_returned',
   'request_escrow', 'request_top_up', 'request_pay', 'request_refund'));
alter table transfers add constraint transfers_service_request check ((service_request_id is not null) =
  (kind in ('request_escrow', 'request_top_up', 'request_pay', 'request_refund')));
create index transfers_by_service_request on transfers (service_request_id) where service_request_id is not null;
create unique index transfers_one_request_escrow on transfers (service_request_id) where kind = 'request_escrow';
create unique index transfers_one_request_pay on transfers (service_request_id) where kind = 'request_pay';
create unique index transfers_one_request_refund on transfers (service_request_id) where kind = 'request_refund';

-- At the end of the transaction everything that came into a request's escrow is its price, and nothing has left it
-- until the request ended: then all has, what was paid to the provider and the rest to the poster.
create function check_service_request_money() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
  now_is service_requests;
  funded bigint;
  paid bigint;
  refunded bigint;
begin
  select * into now_is from service_requests where id = new.id;
  select coalesce(sum(amount) filter (where kind in ('request_escrow', 'request_top_up')), 0),
      coalesce(sum(amount) filter (where kind = 'request_pay'), 0),
      coalesce(sum(amount) filter (where kind = 'request_refund'), 0)
    into funded, paid, refunded
    from transfers where service_request_id = new.id and currency = new.currency;
  if (funded, paid, refunded) is distinct from (now_is.price, coalesce(now_is.paid, 0),
      case when now_is.ended_at is null then 0 else now_is.price - now_is.paid end) then
    raise exception 'service request %: is % at % with % in, % paid and % refunded', new.id, now_is.state,
      now_is.price, funded, paid, refunded using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger service_requests_money after insert or update of state, price, paid on service_requests
  deferrable initially deferred for each row execute function check_service_request_money();

-- What pays whom at the end is no choice: whoever confirms pays all, whoever lets it expire gets all back.
alter table service_requests add constraint service_requests_paid check (case state
  when 'confirmed' then paid = price
  when 'expired' then paid = 0
  when 'cancelled' then paid = 0 or provider_id is not null
  else true
end);

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check
    check (action in ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'uphold_appeal', 'reject_appeal',
      'cancel_request', 'split_request'));

grant select, insert, update (price, top_ups, state, version, offers, provider_id, reach_m, widens_at, due_at,
  accepted_at, delivered_at, dispute_reason, ended_at, paid) on service_requests to hexbao_game;
grant select on service_request_transitions to hexbao_game;
grant select, insert, update (withdrawn_at) on service_request_offers to hexbao_game;
grant select, insert, update (dropped_at) on service_request_acceptances to hexbao_game;
