-- Takes the row lock that orders everybody who redeems a coupon or makes it void; read it in a statement after this.
-- Params: $1 merchant, $2 id
-- Returns: id
select id from coupons where merchant_id = $1 and id = $2 for no key update
