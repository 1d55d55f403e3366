#!lua
-- Lets one taker of a service request through at a time, and tells the others who it is.
-- KEYS: key of the request
-- ARGV: provider, ttl in milliseconds
-- Returns: {"RESERVED", provider} or {"TAKEN", provider}, whose it is now
local key = KEYS[1]
local provider, ttl = ARGV[1], ARGV[2]

local held = redis.call('GET', key)
if held then
  local taken = string.match(held, '^taken:(.*)$')
  if taken then
    return { 'TAKEN', taken }
  end
  return { 'RESERVED', held }
end
redis.call('SET', key, provider, 'PX', ttl)
return { 'RESERVED', provider }
