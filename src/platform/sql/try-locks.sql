-- Takes advisory locks until the transaction ends; those that another holds are left out.
-- Params: $1 lock numbers
-- Returns: place of each that is held now among the numbers, from 0
select place::int - 1 as place from unnest($1::bigint[]) with ordinality as asked (number, place)
where pg_try_advisory_xact_lock(number)
