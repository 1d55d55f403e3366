-- Joy: one line of thanks for each win, from the winner to the hider.

create table thanks (
  claim_id uuid primary key references claims,
  text text not null check (char_length(text) between 1 and 120),
  said_at timestamptz not null
);
create trigger thanks_append_only before update or delete or truncate on thanks
  for each statement execute function refuse_change();

grant select, insert on thanks to hexbao_game;
