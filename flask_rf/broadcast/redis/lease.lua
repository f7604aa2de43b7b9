-- The lease under which one of the survivors takes off what a dead server has left.
--
-- KEYS 1  sorted set  servers by the time of their last sign of life; see heartbeat.lua
--      2  string  the survivor's id; "" says that the server lives and was disturbed
-- ARGV 1 the dead server's id, 2 seconds after which a silent server is dead
--      3 the survivor's id, 4 seconds the lease lasts
--      5 "begin", "go on" after something was taken off, or "end": nothing is left
-- Returns 1 where the survivor has the lease, and the server is dead still.
local DISTURBED = 60 -- seconds within which a server that lives hears of it
local last = redis.call("ZSCORE", KEYS[1], ARGV[1])
local holder = redis.call("GET", KEYS[2])
if not last then return 0 end
local time = redis.call("TIME")
if time[1] + time[2] / 1e6 - last <= tonumber(ARGV[2]) then
  -- It was held up only. What it has stated anew since may have been taken off once more.
  if ARGV[5] ~= "begin" then redis.call("SET", KEYS[2], "", "EX", DISTURBED) end
  return 0
end
if holder and holder ~= "" and holder ~= ARGV[3] then return 0 end
if ARGV[5] == "end" then
  redis.call("ZREM", KEYS[1], ARGV[1])
  redis.call("DEL", KEYS[2])
else
  redis.call("SET", KEYS[2], ARGV[3], "EX", ARGV[4])
end
return 1
