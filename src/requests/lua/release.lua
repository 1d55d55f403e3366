#!lua
-- Lets go of a service request that this provider has reserved or taken, and of no one else's.
-- KEYS: key of the request
-- ARGV: provider
-- Returns: {"RELEASED"} or {"OTHERS"}
local key = KEYS[1]
local provider = ARGV[1]

local held = redis.call('GET', key)
if held == provider or held == 'taken:' .. provider then
  redis.call('DEL', key)
  return { 'RELEASED' }
end
return { 'OTHERS' }
