#!lua
-- Replaces a value only if it is still the one that the caller judged by.
-- KEYS: standing
-- ARGV: expected value, empty for none; next value; ttl_ms
-- Returns: {"REPLACED"} or {"CHANGED", current value, empty for none}
local standing, expected, next_value, ttl_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local current = redis.call('GET', standing) or ''
if current ~= expected then return { 'CHANGED', current } end
redis.call('SET', standing, next_value, 'PX', ttl_ms)
return { 'REPLACED' }
