-- Takes those off the list who have left and not come back in time.
--
-- KEYS 1  sorted set  "channel" or "channel user id" by the time of leaving, Redis's clock
-- ARGV 1 seconds there are for coming back
-- Returns the entries; whoever has got one tells of it, nobody else does.
local now = redis.call("TIME")
local due = now[1] + now[2] / 1e6 - ARGV[1]
local gone = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", due)
if #gone > 0 then
  redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", due)
end
return gone
