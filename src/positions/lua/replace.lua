#!lua
-- Replaces a value only if its version is still the one that the caller judged by; the text is "version:value".
-- KEYS: standing
-- ARGV: expected version, empty for none; next version; next value; ttl_ms
-- Returns: {"REPLACED"} or {"CHANGED", current text, empty for none}
local standing, expected, next_version, next_value, ttl_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local current = redis.call('GET', standing) or ''
local version = string.match(current, '^([^:]*):') or ''
if version ~= expected or (version == '' and current ~= '') then return { 'CHANGED', current } end
redis.call('SET', standing, next_version .. ':' .. next_value, 'PX', ttl_ms)
return { 'REPLACED' }
