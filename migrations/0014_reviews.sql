-- Reviews: what players write for others is released or held, reported, hidden, judged and appealed against. And what
-- follows from them: service requests that wait for their review, and drafts that nobody has paid for yet.

create table reviews (
  id uuid primary key,
  kind text not null check (kind in ('service_request', 'envelope')),
  -- The request or the envelope; its owner says what becomes of it.
  subject_id uuid not null,
  author_id uuid not null references players,
  -- As others read it, line by line: what was judged stays on record whatever becomes of its subject.
  lines text[] not null check (cardinality(lines) between 1 and 4),
  -- What the word list took it for.
  suspicion text,
  state text not null,
  reason text,
  -- The reviewer who decided last.
  decided_by text check (decided_by ~ '^[a-z0-9][a-z0-9._-]{1,39}$'),
  -- Different people who reported it since it was released last.
  reports int not null default 0 check (reports >= 0),
  appeal text check (char_length(appeal) between 1 and 1000),
  -- When somebody should have looked at it.
  due_at timestamptz,
  created_at timestamptz not null,
  -- When it was written, or decided last: reports count from here.
  judged_at timestamptz not null,
  constraint reviews_one_each unique (kind, subject_id),
  constraint reviews_reason check ((reason is not null) = (state in ('rejected', 'appealed'))),
  constraint reviews_appeal check (state <> 'appealed' or appeal is not null),
  constraint reviews_due check ((due_at is not null) = (state in ('held', 'reported', 'hidden', 'appealed')))
);
create index reviews_by_due on reviews (state, due_at, id) where due_at is not null;
create index reviews_by_author on reviews (author_id, created_at desc, id desc);
create index reviews_rejected_by_author on reviews (author_id, judged_at) where state in ('rejected', 'appealed');

-- The reasons and the states as tables; the code has the same ones and tests compare them.
create table review_reasons (reason text primary key);
insert into review_reasons values
  ('vulgar'), ('begging'), ('advert'), ('attack'), ('flooding'), ('stolen'), ('private_place'), ('illegal');
alter table reviews
  add foreign key (reason) references review_reasons,
  add foreign key (suspicion) references review_reasons;

create table review_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into review_transitions values
  ('held', 'released'), ('held', 'rejected'), ('held', 'withdrawn'),
  ('released', 'reported'), ('released', 'rejected'),
  ('reported', 'released'), ('reported', 'rejected'), ('reported', 'hidden'), ('reported', 'withdrawn'),
  ('hidden', 'released'), ('hidden', 'rejected'), ('hidden', 'withdrawn'),
  ('rejected', 'appealed'),
  ('appealed', 'released'), ('appealed', 'rejected');

create function guard_review() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.state not in ('held', 'released') then
      raise exception 'review %: begins as held or released, not as %', new.id, new.state
        using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if new.state is distinct from old.state and not exists (
    select from review_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'review %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  if old.state = 'appealed' and new.state <> 'appealed' and new.decided_by is not distinct from old.decided_by then
    raise exception 'review %: an appeal is for another reviewer than %', new.id, old.decided_by
      using errcode = 'check_violation';
  end if;
  if old.appeal is not null and new.appeal is distinct from old.appeal then
    raise exception 'review %: one appeal each', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger reviews_guard before insert or update on reviews
  for each row execute function guard_review();

create table review_reports (
  review_id uuid not null references reviews,
  reporter_id uuid not null references players,
  -- Accounts that share a device are one voice.
  device_id text,
  reason text not null references review_reasons,
  reported_at timestamptz not null,
  primary key (review_id, reporter_id)
);
create index review_reports_by_reporter on review_reports (reporter_id, reported_at desc);
create trigger review_reports_append_only before update or delete or truncate on review_reports
  for each statement execute function refuse_change();

-- Who did what to a text, and when.
create table review_events (
  -- In the order in which they happened to a text: whoever adds one holds its review.
  no bigint generated always as identity primary key,
  review_id uuid not null references reviews,
  actor_kind text not null check (actor_kind in ('policy', 'author', 'reader', 'reviewer')),
  -- A player's id or a reviewer's name.
  actor text,
  action text not null check (action in ('submit', 'release', 'reject', 'report', 'appeal', 'withdraw')),
  from_state text,
  to_state text not null,
  reason text references review_reasons,
  at timestamptz not null
);
create index review_events_by_review on review_events (review_id, no);
create trigger review_events_append_only before update or delete or truncate on review_events
  for each statement execute function refuse_change();

grant select on review_reasons, review_transitions to hexbao_game;
grant select, insert, update (state, reason, decided_by, reports, appeal, due_at, judged_at) on reviews to hexbao_game;
grant select, insert on review_reports, review_events to hexbao_game;

-- An envelope whose text is held or hidden is played without it.
alter table envelopes add column shows_text boolean not null default true;
grant update (shows_text) on envelopes to hexbao_game;

-- A draft has no money in it yet, and what ends as a draft never had.
alter table service_requests
  add column funded_at timestamptz,
  drop constraint service_requests_provider,
  add constraint service_requests_provider check (case
    when state in ('draft', 'review', 'open', 'offered', 'expired') then provider_id is null
    when state = 'cancelled' then true
    else provider_id is not null
  end),
  drop constraint service_requests_due,
  add constraint service_requests_due check (
    (due_at is not null) = (state in ('draft', 'review', 'open', 'offered', 'accepted', 'delivered')));
update service_requests set funded_at = created_at, version = version + 1;
alter table service_requests
  add constraint service_requests_funded check (case
    when state = 'draft' then funded_at is null
    when state in ('cancelled', 'expired') then true
    else funded_at is not null
  end);
insert into service_request_transitions values
  ('draft', 'review'), ('draft', 'open'), ('draft', 'cancelled'), ('draft', 'expired'),
  ('review', 'open'), ('review', 'offered'), ('review', 'cancelled'), ('review', 'expired'),
  ('open', 'review'), ('offered', 'review');

create or replace function guard_service_request() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.state not in ('draft', 'review', 'open') then
      raise exception 'service request %: does not begin as %', new.id, new.state using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if new.state is distinct from old.state and not exists (
    select from service_request_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'service request %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  if old.funded_at is not null and new.funded_at is distinct from old.funded_at then
    raise exception 'service request %: is paid for once', new.id using errcode = 'check_violation';
  end if;
  if new.version <= old.version then
    raise exception 'service request %: the version only grows', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;

create or replace function check_service_request_money() returns trigger
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
  if (funded, paid, refunded) is distinct from (
      case when now_is.funded_at is null then 0 else now_is.price end,
      coalesce(now_is.paid, 0),
      case when now_is.ended_at is null or now_is.funded_at is null then 0 else now_is.price - now_is.paid end) then
    raise exception 'service request %: is % at % with % in, % paid and % refunded', new.id, now_is.state,
      now_is.price, funded, paid, refunded using errcode = 'check_violation';
  end if;
  return null;
end $$;

grant update (funded_at, expires_at, device_id) on service_requests to hexbao_game;

-- The device that offered, where the token names one: a poster's second account is chosen by nobody.
alter table service_request_offers add column device_id text;

-- Whether a provider wants to hear of service requests: one switch for all their devices.
create table provider_duties (
  player_id uuid primary key references players,
  is_on_duty boolean not null,
  category text,
  changed_at timestamptz not null
);
grant select, insert, update (is_on_duty, category, changed_at) on provider_duties to hexbao_game;

-- What a trust is read from, beside what is indexed already.
create index service_requests_confirmed_by_poster on service_requests (poster_id) where state = 'confirmed';
create index service_requests_confirmed_by_provider on service_requests (provider_id) where state = 'confirmed';
