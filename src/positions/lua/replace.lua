#!lua
-- Replaces values, each only if its version is still the one that its caller judged by.
-- A text is "version:filter:rest". The filter "=" is the one that is there.
-- KEYS: per standing: its text
-- ARGV: ttl_ms, then per standing: expected version (empty for none), next version, filter, rest
-- Returns: per standing that is another one by now: its place among the keys, its text (empty for none)
local ttl_ms = ARGV[1]
local changed = {}
for place, standing in ipairs(KEYS) do
  local at = 4 * place - 2
  local expected, next_version, filter, rest = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  -- What is no text, or none that could be read, is the fault of one player, and nothing that the others wait for.
  local current = redis.pcall('GET', standing) or ''
  if type(current) ~= 'string' then current = '?' end
  local is_known = current == ''
  if expected ~= '' then is_known = string.sub(current, 1, #expected + 1) == expected .. ':' end
  if is_known then
    if filter == '=' then filter = string.match(current, ':([^:]*):') end
    redis.call('SET', standing, next_version .. ':' .. filter .. ':' .. rest, 'PX', ttl_ms)
  else
    changed[#changed + 1] = place
    changed[#changed + 1] = current
  end
end
return changed
