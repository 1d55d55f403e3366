-- Campaigns that pay nothing now, for the memory of a server.
-- Params: none
-- Returns: id
select id from campaigns where is_stopped and state <> 'draft'
