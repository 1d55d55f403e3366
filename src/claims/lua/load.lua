#!lua
-- Adds a chunk to the lists of an epoch that is not in force yet; the epoch in their names hides them until `switch`.
-- KEYS: free, winners
-- ARGV: place ("first" clears what a broken load left, or "next"); kept_ms; count of free shares;
--   then per share: its number; then per winner: player, share
-- Returns: "OK"
local free, winners, place, kept_ms, count = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
if place == 'first' then redis.call('DEL', free, winners) end
for key, kind in pairs({ [free] = 'list', [winners] = 'hash' }) do
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then return redis.error_reply('WRONGTYPE a list of the load is broken') end
end
for i = 4, 3 + count do redis.call('RPUSH', free, ARGV[i]) end
for i = 4 + count, #ARGV, 2 do redis.call('HSET', winners, ARGV[i], ARGV[i + 1] .. ':0-0:1') end
-- A load that is never put in force goes by itself.
for _, key in ipairs({ free, winners }) do redis.call('PEXPIRE', key, kept_ms) end
return 'OK'
