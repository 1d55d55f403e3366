-- What the figures of a campaign need beside what is on record anyway.

-- Counted by the settlement in the row that it changes anyway, so that the time to the first claim of 50,000 envelopes
-- costs no look at their claims.
alter table envelopes add column first_claimed_at timestamptz;
update envelopes e set first_claimed_at = (select min(claimed_at) from claims c where c.envelope_id = e.id)
where claimed_shares > 0;
grant update (first_claimed_at) on envelopes to hexbao_game;

-- How often players were shown an envelope of a campaign, by quarters of an hour: the largest step of which every hour
-- and every day of every time zone is made. Servers add what they counted every few seconds.
create table campaign_reveals (
  campaign_id uuid not null references campaigns,
  quarter_at timestamptz not null,
  reveals int not null check (reveals > 0),
  primary key (campaign_id, quarter_at)
);
grant select, insert, update (reveals) on campaign_reveals to hexbao_game;
select keep_apart('campaign_reveals', 'exists (select from campaigns c where c.id = campaign_reveals.campaign_id)');
