-- Thanks for a win, unless there are some already.
-- Params: $1 claim, $2 text, $3 said
-- Returns: the claim, where they are new
insert into thanks (claim_id, text, said_at) values ($1, $2, $3)
on conflict (claim_id) do nothing
returning claim_id
