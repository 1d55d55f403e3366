-- A new review, held or released.
-- Params: $1 id, $2 kind, $3 subject, $4 author, $5 lines, $6 suspicion or null, $7 state, $8 due or null, $9 now
-- Returns: nothing
insert into reviews (id, kind, subject_id, author_id, lines, suspicion, state, due_at, created_at, judged_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
