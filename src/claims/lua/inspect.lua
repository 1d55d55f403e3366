#!lua flags=no-writes
-- Reads a gate as it is at one moment, for the audit; changes nothing.
-- KEYS: gate, free, winners
-- ARGV: epoch
-- Returns: {"ABSENT"}, {"UNREADABLE"}, {"OTHER_EPOCH", stored epoch} or {"READ", n, settled, shares left, then per
--   winner: player, "share:entry id:settled flag"}
local gate, free, winners, epoch = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local function is(key, kind)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end
if redis.call('EXISTS', gate) == 0 then return { 'ABSENT' } end
if not (is(gate, 'hash') and is(free, 'list') and is(winners, 'hash')) then return { 'UNREADABLE' } end
local stored, n, settled = unpack(redis.call('HMGET', gate, 'epoch', 'n', 'settled'))
if stored ~= epoch then return { 'OTHER_EPOCH', stored or '' } end
local reply = { 'READ', n or '', settled or '', redis.call('LLEN', free) }
for _, item in ipairs(redis.call('HGETALL', winners)) do reply[#reply + 1] = item end
return reply
