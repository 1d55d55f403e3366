#!lua
-- Reserves shares for claims of one partition: reads all, allocates from local tables, then writes. O(claims).
-- The first win makes the winners' key, which then goes when its gate goes.
-- KEYS: outbox, then per envelope: gate, free, winners
-- ARGV: now_ms, envelope count, per envelope: id, epoch, then per claim: envelope index from 1, player
-- Returns: per claim {status, share, entry id, stored epoch}; status is one of
--   WON HAVE STALE CLOSED EXPIRED CORRUPT SOFT_EMPTY EMPTY
local outbox, now_ms, count = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local function is(key, kind)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end
if not is(outbox, 'stream') then return redis.error_reply('WRONGTYPE the outbox is not a stream') end
local first_claim, claims, envelopes, replies, wins = 3 + 2 * count, (#ARGV - 2) / 2 - count, {}, {}, {}
for i = 1, count do
  local gate, free, winners = KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1]
  local e = { id = ARGV[1 + 2 * i], epoch = ARGV[2 + 2 * i], free = free, winners = winners, taken = 0, held = {} }
  if not (is(gate, 'hash') and is(free, 'list') and is(winners, 'hash')) then
    e.refusal, e.unreadable = 'CORRUPT', true
  else
    local f = redis.call('HMGET', gate, 'epoch', 'state', 'opens_ms', 'expires_ms', 'n', 'settled')
    local stored, state = f[1], f[2]
    local opens_ms, expires_ms, n, settled = tonumber(f[3]), tonumber(f[4]), tonumber(f[5]), tonumber(f[6])
    e.stored, e.ttl_ms, e.shares = stored, redis.call('PTTL', gate), redis.call('LRANGE', free, 0, claims - 1)
    if stored ~= e.epoch then e.refusal, e.unreadable = 'STALE', true
    elseif not (state and opens_ms and expires_ms and n and settled) then e.refusal = 'CORRUPT'
    elseif state ~= 'live' then e.refusal = 'CLOSED'
    elseif now_ms < opens_ms or now_ms >= expires_ms then e.refusal = 'EXPIRED'
    elseif redis.call('HLEN', winners) + redis.call('LLEN', free) ~= n then e.refusal = 'CORRUPT'
    else e.none = settled >= n and 'EMPTY' or 'SOFT_EMPTY' end
  end
  envelopes[i] = e
end
for at = first_claim, #ARGV, 2 do
  local e, player = envelopes[tonumber(ARGV[at])], ARGV[at + 1]
  local winner = not e.unreadable and not e.held[player] and redis.call('HGET', e.winners, player)
  local reply = e.held[player] or { e.refusal or e.none, '', '', e.stored or '' }
  if winner then
    local share, entry = string.match(winner, '^(%d+):([%d-]+):')
    reply = { 'HAVE', share, entry, e.stored }
  elseif not e.held[player] and not e.refusal and e.shares[e.taken + 1] then
    e.taken = e.taken + 1
    reply = { 'WON', e.shares[e.taken], '', e.stored }
    e.held[player] = reply
    wins[#wins + 1] = { envelope = e, player = player, reply = reply }
  end
  replies[#replies + 1] = reply
end
for _, win in ipairs(wins) do
  local e, player, reply = win.envelope, win.player, win.reply
  reply[3] = redis.call('XADD', outbox, '*', 'envelope', e.id, 'player', player, 'share', reply[2], 'epoch', e.epoch)
  redis.call('HSET', e.winners, player, reply[2] .. ':' .. reply[3] .. ':0')
end
for _, e in ipairs(envelopes) do
  if e.taken > 0 then
    redis.call('LPOP', e.free, e.taken)
    if e.ttl_ms > 0 then redis.call('PEXPIRE', e.winners, e.ttl_ms, 'NX') end
  end
end
return replies
