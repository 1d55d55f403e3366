-- Claims: the record of every win. The two unique constraints are what no fault of Redis can get past.

create table claims (
  -- uuid v5 of (envelope, player): a retry can only be the same claim.
  id uuid primary key,
  envelope_id uuid not null,
  player_id uuid not null references players,
  share_no int not null,
  amount bigint not null check (amount >= 1),
  currency text not null,
  claimed_at timestamptz not null,
  constraint claims_one_per_player unique (envelope_id, player_id),
  constraint claims_one_per_share unique (envelope_id, share_no),
  foreign key (envelope_id, share_no) references envelope_shares (envelope_id, share_no)
);
create index claims_by_player on claims (player_id, claimed_at desc, id desc);
create trigger claims_append_only before update or delete or truncate on claims
  for each statement execute function refuse_change();

-- How far the sweeper got, per partition and Redis identity; never ahead of the marks in Redis.
create table outbox_cursors (
  partition smallint not null check (partition between 0 and 63),
  redis_identity text not null,
  entry_id text not null,
  updated_at timestamptz not null,
  primary key (partition, redis_identity)
);

-- Reservations that cannot settle because of the row itself, never because of an outage.
create table dead_letters (
  partition smallint not null,
  redis_identity text not null,
  entry_id text not null,
  entry jsonb not null,
  fault text not null,
  attempts int not null check (attempts > 0),
  buried_at timestamptz,
  updated_at timestamptz not null,
  primary key (partition, redis_identity, entry_id)
);

grant select, insert on claims to hexbao_game;
grant select, insert, update on outbox_cursors to hexbao_game;
grant select, insert, update, delete on dead_letters to hexbao_game;
