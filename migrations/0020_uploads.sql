-- Points that merchants upload for their drops, and campaigns that go on longer than they were planned.

-- Places and the numbers of their rows as the bytes that the server keeps them in: 50,000 at once, and only as a whole.
create table uploads (
  id uuid primary key,
  campaign_id uuid not null references campaigns,
  format text not null check (format in ('csv', 'geojson')),
  points int not null check (points between 1 and 50000),
  lngs bytea not null check (octet_length(lngs) = 8 * points),
  lats bytea not null check (octet_length(lats) = 8 * points),
  rows bytea not null check (octet_length(rows) = 4 * points),
  created_at timestamptz not null
);
create index uploads_by_campaign on uploads (campaign_id, created_at desc, id desc);
grant select, insert, update (created_at), delete on uploads to hexbao_game;
select keep_apart('uploads', 'exists (select from campaigns c where c.id = uploads.campaign_id)',
  'select, insert, update (created_at), delete');

-- When the envelopes of a drop expire: with the campaign, or before it while they still have to follow an extension.
alter table drops add column expires_at timestamptz;
update drops set expires_at = (select ends_at from campaigns where campaigns.id = drops.campaign_id);
alter table drops alter column expires_at set not null;
grant update (expires_at) on drops to hexbao_game;
