-- Who plays, who pays, and the answers that are kept so that a retried request cannot act twice.

create table players (
  id uuid primary key,
  issuer text not null,
  subject text not null,
  -- Sandbox: multiplies the clock of this player's limits.
  time_scale smallint not null default 1 check (time_scale between 1 and 120),
  created_at timestamptz not null,
  unique (issuer, subject)
);

create table merchants (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 80),
  -- Where the operator lets this merchant hide; null: nowhere in production.
  area geography(Polygon, 4326),
  created_at timestamptz not null
);

create table api_keys (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  prefix text not null,
  hash bytea not null unique check (octet_length(hash) = 32),
  scopes text[] not null check (cardinality(scopes) > 0 and scopes <@ array['read', 'campaigns', 'finance', 'admin']),
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_by_merchant on api_keys (merchant_id, created_at desc);

-- Written in the transaction of the effect: the answer exists exactly when the effect does.
create table idempotent_answers (
  tenant text not null,
  operation text not null,
  key text not null,
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  status smallint not null,
  body jsonb not null,
  created_at timestamptz not null,
  primary key (tenant, operation, key)
);
create index idempotent_answers_by_age on idempotent_answers (created_at);

grant select, insert on players, merchants to hexbao_game;
grant select, insert, update (last_used_at, revoked_at) on api_keys to hexbao_game;
grant select, insert, delete on idempotent_answers to hexbao_game;
