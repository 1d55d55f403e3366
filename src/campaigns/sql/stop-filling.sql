-- The campaign ended: what is filling is to be undone.
-- Params: $1 campaign
-- Returns: nothing
update drops set state = 'undoing', fault = 'the campaign ended' where campaign_id = $1 and state = 'filling'
