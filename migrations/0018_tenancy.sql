-- Tenancy: a merchant's requests reach PostgreSQL under a role of their own, which sees and writes the rows of one
-- merchant and, where nobody says whose, none. Row-level security says so for each table, in one line of this file.

do $$
begin
  create role hexbao_merchant nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$ begin execute format('grant hexbao_merchant to %I', current_user); end $$;
grant usage on schema public to hexbao_merchant;

-- The merchant of the transaction under way; null, which equals nothing, where none is named.
create function current_merchant() returns uuid language sql stable parallel safe
  return nullif(current_setting('hexbao.merchant', true), '')::uuid;

-- Keeps a table's rows apart by merchant. `belongs` says which rows are the current merchant's; a subquery in it sees
-- that merchant's rows of the other table alone (name the columns of `of_table` by it: an inner table may have the
-- same). `may` is what a merchant's requests do there at all. The game itself
-- (players, the operator, jobs) sees every row, and so do owners of the tables who may take its role; nobody else does.
create function keep_apart(of_table regclass, belongs text default 'merchant_id = current_merchant()',
  may text default 'select') returns void language plpgsql set search_path = public, pg_temp as $$
begin
  execute format('alter table %s enable row level security, force row level security', of_table);
  execute format('create policy game on %s to hexbao_game using (true) with check (true)', of_table);
  execute format('create policy merchant on %s to hexbao_merchant using (%s) with check (%s)',
    of_table, belongs, belongs);
  execute format('grant %s on %s to hexbao_merchant', may, of_table);
end $$;
revoke execute on function keep_apart from public;

-- Everything that a merchant's key changed, and what the operator changed of the merchant; never changed itself.
create table merchant_actions (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  -- The key that was used; null: the operator.
  key_id uuid references api_keys,
  operation text not null check (operation ~ '^[a-z][A-Za-z]*$'),
  target jsonb not null,
  created_at timestamptz not null
);
create index merchant_actions_by_merchant on merchant_actions (merchant_id, created_at desc, id desc);
create trigger merchant_actions_append_only before update or delete or truncate on merchant_actions
  for each statement execute function refuse_change();
grant select, insert on merchant_actions to hexbao_game;

select keep_apart('merchants', 'id = current_merchant()');
select keep_apart('api_keys', may => 'select, insert, update (revoked_at)');
select keep_apart('merchant_actions', may => 'select, insert');
select keep_apart('idempotent_answers', $$tenant = 'merchant:' || current_merchant()$$, 'select, insert');
select keep_apart('campaigns', may => 'select, insert, update (name, state, version, area, currency, budget,
  wins_per_player, starts_at, ends_at, time_zone, windows, greeting, clue, brand, presence, coupon_pool_id, is_stopped,
  ended_at)');
select keep_apart('drops', 'exists (select from campaigns c where c.id = drops.campaign_id)',
  'select, insert, update (state, fault)');
select keep_apart('campaign_players', 'exists (select from campaigns c where c.id = campaign_players.campaign_id)');
select keep_apart('budgets', $$kind = 'platform' or (kind = 'merchant' and owner_id = current_merchant())
  or (kind = 'campaign' and exists (select from campaigns c where c.id = budgets.owner_id))$$);
select keep_apart('envelopes', $$hider_kind = 'merchant' and hider_id = current_merchant()$$,
  'select, insert, update (state, epoch, ended_at)');
-- A foreign key would be content with the campaign of another merchant.
alter policy merchant on envelopes with check (hider_kind = 'merchant' and hider_id = current_merchant()
  and (campaign_id is null or exists (select from campaigns c where c.id = envelopes.campaign_id)));
select keep_apart('envelope_guests', 'exists (select from envelopes e where e.id = envelope_guests.envelope_id)',
  'select, insert');
select keep_apart('envelope_shares', 'exists (select from envelopes e where e.id = envelope_shares.envelope_id)',
  'select, insert');
select keep_apart('claims', 'exists (select from envelopes e where e.id = claims.envelope_id)');
select keep_apart('thanks', 'exists (select from claims c where c.id = thanks.claim_id)');
select keep_apart('payouts', $$owner_kind = 'merchant' and owner_id = current_merchant()$$, 'select, insert');
select keep_apart('accounts', $$case kind
  when 'wallet' then owner_id = current_merchant()
  when 'escrow' then exists (select from envelopes e where e.id = accounts.owner_id)
  when 'campaign' then exists (select from campaigns c where c.id = accounts.owner_id)
  when 'drop' then exists (select from drops d where d.id = accounts.owner_id)
  when 'payout' then exists (select from payouts p where p.id = accounts.owner_id)
  else false end$$, 'select, insert (id, kind, owner_id, currency)');
-- A merchant sees what moved on an account of theirs, and moves money between two of them.
select keep_apart('transfers', 'exists (select from accounts a where a.id in (debit_account, credit_account))',
  'select, insert');
alter policy merchant on transfers with check (
  exists (select from accounts a where a.id = debit_account) and
  exists (select from accounts a where a.id = credit_account));

select keep_apart('campaign_codes', 'exists (select from campaigns c where c.id = campaign_codes.campaign_id)',
  'select, insert, update (secret, former_secret, changes_at)');
select keep_apart('envelope_reports', 'exists (select from envelopes e where e.id = envelope_reports.envelope_id)');
select keep_apart('coupon_pools', may => 'select, insert, update (uploaded, free, voided_at)');
select keep_apart('coupons', may => 'select, insert, update (state, envelope_id, share_no, redeemed_at, voided_at)');
select keep_apart('coupon_redemptions', may => 'select, insert');
select keep_apart('webhook_endpoints',
  $$owner in ('merchant:' || current_merchant(), 'deleted:merchant:' || current_merchant())$$,
  'select, insert, update (owner, url, types, description, state, disabled_reason, disabled_at, secret,
  previous_secret, previous_until, failing_since)');
select keep_apart('webhook_events', $$owner = 'merchant:' || current_merchant()$$, 'select, insert');
select keep_apart('webhook_deliveries',
  'exists (select from webhook_endpoints p where p.id = webhook_deliveries.endpoint_id)',
  'select, insert, update (state, failures, due_at, ended_at)');
select keep_apart('webhook_attempts',
  'exists (select from webhook_deliveries d where d.id = webhook_attempts.delivery_id)');

-- The trigger that moves balances is the owner's.
do $$ begin execute format('create policy balances on accounts to %I using (true)', current_user); end $$;

-- The same for every merchant.
grant select on envelope_transitions, campaign_transitions, payout_transitions, coupon_transitions, exclusion_areas
  to hexbao_merchant;

-- What the operator can do is a list of the protocol; here a word is enough.
alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check check (action ~ '^[a-z_]{1,40}$');

-- Where the operator lets a merchant hide may be in several places.
alter table merchants alter column area type geography(Geometry, 4326);
grant update (area) on merchants to hexbao_game;
