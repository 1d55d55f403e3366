-- Names the tenant of the transaction under way, until it ends: the policies of the tables read it.
-- Params: $1 merchant
-- Returns: nothing of use
select set_config('hexbao.merchant', $1::uuid::text, true)
