-- Leaves a presence channel and announces it after a user's last socket.
-- Whoever runs it a second time, for a dead server say, changes nothing.
--
-- KEYS as in join.lua
-- ARGV 1 socket id, 2 user id, 3 entry of KEYS 4, 4 PUBLISH or SPUBLISH, 5 topic
--      6 envelope of member_removed, 7 entry of KEYS 5
-- Returns 1 where it was the user's last socket.
redis.call("SREM", KEYS[4], ARGV[3])
if redis.call("HDEL", KEYS[1], ARGV[1]) == 0 then
  return 0
end
if redis.call("HINCRBY", KEYS[3], ARGV[2], -1) <= 0 then
  redis.call("HDEL", KEYS[3], ARGV[2])
  redis.call("HDEL", KEYS[2], ARGV[2])
  redis.call(ARGV[4], ARGV[5], ARGV[6])
  if KEYS[5] then
    local now = redis.call("TIME")
    redis.call("ZADD", KEYS[5], now[1] + now[2] / 1e6, ARGV[7])
  end
  return 1
end
return 0
