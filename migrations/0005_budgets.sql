-- An envelope that was frozen before it opened waits for its opening again; one whose last share is restored while it is
-- frozen is empty.
insert into envelope_transitions values ('frozen', 'funded'), ('frozen', 'empty');
