-- Notes that everything of an ended campaign is home; it stops nothing any more.
-- Params: $1 id, $2 when
-- Returns: nothing
update campaigns set settled_at = $2, is_stopped = false where id = $1
