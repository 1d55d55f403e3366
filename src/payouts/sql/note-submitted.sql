-- The provider has it; one that ended meanwhile stays as it is.
-- Params: $1 id, $2 the provider's reference or null
-- Returns: nothing
update payouts set state = 'submitted', reference = coalesce($2, reference), next_try_at = null
where id = $1 and state = 'reserved'
