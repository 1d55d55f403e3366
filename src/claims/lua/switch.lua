#!lua
-- Puts a loaded epoch in force, only over an older one, and lets the older one's lists go.
-- KEYS: gate, free, winners, free of the old epoch, winners of the old epoch
-- ARGV: epoch, opens_ms, expires_ms, n, settled, kept_ms (old lists stay so long), gone_in_ms (new ones)
-- Returns: "SWITCHED", or "OLD" when the stored epoch is not older
local gate, free, winners, old_free, old_winners = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, opens_ms, expires_ms, n, settled = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local kept_ms, gone_in_ms = ARGV[6], ARGV[7]
local kind = redis.call('TYPE', gate).ok
local stored = kind == 'hash' and tonumber(redis.call('HGET', gate, 'epoch') or '')
if stored and stored >= tonumber(epoch) then return 'OLD' end
if kind ~= 'hash' then redis.call('DEL', gate) end
redis.call('HSET', gate, 'epoch', epoch, 'state', 'live', 'opens_ms', opens_ms, 'expires_ms', expires_ms, 'n', n,
  'settled', settled)
for _, key in ipairs({ gate, free, winners }) do redis.call('PEXPIRE', key, gone_in_ms) end
if old_free ~= free then
  redis.call('PEXPIRE', old_free, kept_ms)
  redis.call('PEXPIRE', old_winners, kept_ms)
end
return 'SWITCHED'
