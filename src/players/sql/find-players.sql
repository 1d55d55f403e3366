-- The players behind identities.
-- Params: $1 issuers, $2 subjects
-- Returns: per player found: place of the identity among those asked for, from 0; id, time_scale, created_at,
--          banned_at, ban_reason
select asked.place::int - 1 as place, p.id, p.time_scale, p.created_at, p.banned_at, p.ban_reason
from unnest($1::text[], $2::text[]) with ordinality as asked (issuer, subject, place)
join players p on p.issuer = asked.issuer and p.subject = asked.subject
