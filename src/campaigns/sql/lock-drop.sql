-- Takes the row lock that orders filling, undoing and the end of the campaign.
-- Params: $1 id
-- Returns: id
select id from drops where id = $1 for no key update
