-- What the two of a service request say to each other, and of each other.

-- One chat for each provider who had the request in hand: whoever comes after one sees nothing of theirs.
create table chats (
  request_id uuid not null,
  provider_id uuid not null,
  messages int not null default 0 check (messages >= 0),
  read_by_poster int not null default 0 check (read_by_poster between 0 and messages),
  read_by_provider int not null default 0 check (read_by_provider between 0 and messages),
  primary key (request_id, provider_id),
  constraint chats_of_accepted foreign key (request_id, provider_id) references service_request_acceptances
);

create table chat_messages (
  id uuid primary key,
  request_id uuid not null,
  provider_id uuid not null,
  no int not null check (no > 0),
  side text not null check (side in ('poster', 'provider')),
  client_id uuid not null,
  text text not null check (char_length(text) between 1 and 500),
  said_at timestamptz not null,
  constraint chat_messages_in_order unique (request_id, provider_id, no),
  foreign key (request_id, provider_id) references chats
);
create index chat_messages_by_side on chat_messages (request_id, provider_id, side, no desc);
create trigger chat_messages_append_only before update or delete or truncate on chat_messages
  for each statement execute function refuse_change();

-- Nothing is said to whom the request is not in hand.
create function guard_chat_message() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if not exists (
    select from service_requests where id = new.request_id and provider_id = new.provider_id and ended_at is null
  ) then
    raise exception 'service request %: its chat with % is closed', new.request_id, new.provider_id
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger chat_messages_guard before insert on chat_messages
  for each row execute function guard_chat_message();

-- One rating of each side, of the other one. It is told once the other one has rated, too, or at `tells_at`: that is
-- worked out when somebody asks, so nothing has to happen at that moment.
create table ratings (
  request_id uuid not null references service_requests,
  side text not null check (side in ('poster', 'provider')),
  rated_id uuid not null references players,
  stars smallint not null check (stars between 1 and 5),
  text text check (char_length(text) between 1 and 280),
  rated_at timestamptz not null,
  tells_at timestamptz not null,
  primary key (request_id, side),
  constraint ratings_in_time check (rated_at < tells_at)
);
create index ratings_by_rated on ratings (rated_id, side);
create trigger ratings_append_only before update or delete or truncate on ratings
  for each statement execute function refuse_change();

create function guard_rating() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if not exists (
    select from service_requests where id = new.request_id and state in ('confirmed', 'settled')
      and new.rated_id = case new.side when 'poster' then provider_id else poster_id end
  ) then
    raise exception 'service request %: its % does not rate % now', new.request_id, new.side, new.rated_id
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger ratings_guard before insert on ratings for each row execute function guard_rating();

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check
    check (action in ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'uphold_appeal', 'reject_appeal',
      'cancel_request', 'split_request', 'exclude', 'lift_exclusion', 'read_chat'));

grant select, insert, update (messages, read_by_poster, read_by_provider) on chats to hexbao_game;
grant select, insert on chat_messages, ratings to hexbao_game;
