-- Says that a server lives, and which others have not said so for too long.
--
-- KEYS 1  sorted set  servers by the time of their last sign of life, Redis's clock
-- ARGV 1 this server's id, 2 seconds after which a silent server is dead
--      3 seconds within which some server has always shown life, where any could
-- Returns whether this server was unknown (1 or 0), then the dead ones' ids.
local time = redis.call("TIME")
local now = time[1] + time[2] / 1e6
local last = redis.call("ZREVRANGE", KEYS[1], 0, 0, "WITHSCORES")
if last[2] and now - last[2] > tonumber(ARGV[3]) then
  -- Redis was away, or nobody was there: whether the others live cannot be told yet.
  for _, server in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
    redis.call("ZADD", KEYS[1], now, server)
  end
end
local unknown = redis.call("ZADD", KEYS[1], now, ARGV[1])
return {unknown, redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now - tonumber(ARGV[2]))}
