-- On which devices a player plays.

-- Device ids are hashes of what a token or a client names.
create table player_devices (
  player_id uuid not null references players,
  device_id uuid not null,
  first_used_at timestamptz not null,
  primary key (player_id, device_id)
);
create index player_devices_by_device on player_devices (device_id, first_used_at);

grant select, insert on player_devices to hexbao_game;
