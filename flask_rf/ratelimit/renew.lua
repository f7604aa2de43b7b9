-- Has leases that still count begin anew. KEYS and types as in decide.lua.
--
-- ARGV[5i-4 .. 5i]  as in refund.lua

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

for i, key in ipairs(KEYS) do
  local at = 5 * i - 4
  local window, cost, nonce = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  -- XX: its request may have ended meanwhile, and nobody would end it again
  for n = 1, cost do redis.call('ZADD', key, 'XX', now, nonce .. ':' .. n) end
  redis.call('PEXPIRE', key, math.ceil(window / 1000) + 2)
end
return 0
