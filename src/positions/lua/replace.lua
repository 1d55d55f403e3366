#!lua
-- Replaces values, each only if its version is still the one that its caller judged by; a text is "version:value".
-- KEYS: standings
-- ARGV: ttl_ms; then for each standing: expected version, empty for none; next version; next value
-- Returns: for each standing that is another one by now: its place among the keys, its text (empty for none)
local ttl_ms = ARGV[1]
local changed = {}
for place, standing in ipairs(KEYS) do
  local expected, next_version, next_value = ARGV[3 * place - 1], ARGV[3 * place], ARGV[3 * place + 1]
  local current = redis.call('GET', standing) or ''
  local is_known = current == ''
  if expected ~= '' then is_known = string.sub(current, 1, #expected + 1) == expected .. ':' end
  if is_known then
    redis.call('SET', standing, next_version .. ':' .. next_value, 'PX', ttl_ms)
  else
    changed[#changed + 1] = place
    changed[#changed + 1] = current
  end
end
return changed
