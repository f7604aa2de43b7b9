-- Says that a server lives, and which others have not said so for too long.
--
-- KEYS 1  sorted set  servers by the time of their last sign of life, Redis's clock
--      2  string  who takes this server's members off; see lease.lua
-- ARGV 1 this server's id, 2 seconds after which a silent server is dead
--      3 seconds within which some server has always shown life, where any could
-- Returns whether this server was unknown or taken for dead (1 or 0), then the dead ones' ids.
local time = redis.call("TIME")
local now = time[1] + time[2] / 1e6
local last = redis.call("ZREVRANGE", KEYS[1], 0, 0, "WITHSCORES")
local silence = now - (last[2] or now)
if silence > tonumber(ARGV[3]) then
  -- Redis was away, or nobody was there: such a time says nothing about anybody.
  local servers = redis.call("ZRANGE", KEYS[1], 0, -1, "WITHSCORES")
  for i = 1, #servers, 2 do
    redis.call("ZADD", KEYS[1], servers[i + 1] + silence, servers[i])
  end
end
local unknown = redis.call("ZADD", KEYS[1], now, ARGV[1]) + redis.call("DEL", KEYS[2])
local dead = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now - tonumber(ARGV[2]))
return {unknown > 0 and 1 or 0, dead}
