#!lua
-- Notes that reserved shares are settled. Repeating it, or marking one of an epoch that is gone, changes nothing.
-- KEYS: per mark: gate, winners
-- ARGV: per mark: player, share, epoch
-- Returns: how many were newly marked
local marks = #KEYS / 2
local fresh, seen = {}, {}
for i = 1, marks do
  local gate, winners = KEYS[2 * i - 1], KEYS[2 * i]
  local player, share, epoch = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  -- A key of another type is a broken gate, which the next claim rebuilds: no reason to hold up the other marks.
  local readable = redis.call('TYPE', winners).ok == 'hash' and redis.call('TYPE', gate).ok == 'hash'
  local winner = readable and redis.call('HGET', winners, player)
  local held, entry, settled = string.match(winner or '', '^(%d+):([%d-]+):(%d)$')
  if held == share and settled == '0' and not seen[winners .. player] then
    seen[winners .. player] = true
    -- A count that was lost is not begun anew, which would hide the loss from the next claim.
    local current = redis.call('HGET', gate, 'epoch') == epoch and redis.call('HEXISTS', gate, 'settled') == 1
    local value = held .. ':' .. entry .. ':1'
    fresh[#fresh + 1] = { gate = current and gate, winners = winners, player = player, value = value }
  end
end
for _, mark in ipairs(fresh) do
  redis.call('HSET', mark.winners, mark.player, mark.value)
  if mark.gate then redis.call('HINCRBY', mark.gate, 'settled', 1) end
end
return #fresh
