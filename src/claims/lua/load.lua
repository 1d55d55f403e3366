#!lua
-- Adds a chunk to the lists of an epoch that is not in force yet; the epoch in their names hides them until `switch`.
-- KEYS: free, winners
-- ARGV: place ("first" clears what a broken load left, or "next"); count of free shares; then per share: its number;
--   then per winner: player, share
-- Returns: "OK"
local free, winners, place, count = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
if place == 'first' then redis.call('DEL', free, winners) end
for i = 3, 2 + count do redis.call('RPUSH', free, ARGV[i]) end
for i = 3 + count, #ARGV, 2 do redis.call('HSET', winners, ARGV[i], ARGV[i + 1] .. ':0-0:1') end
return 'OK'
