-- Leaves a presence channel and announces it after a user's last socket.
-- Whoever runs it a second time, for a dead server say, changes nothing.
--
-- KEYS as in join.lua
-- ARGV 1 socket id, 2 entry of KEYS 4, 3 topic, 4 envelope's header, 5 channel
-- Returns 1 where the socket was there.
redis.call("SREM", KEYS[4], ARGV[2])
local user = redis.call("HGET", KEYS[1], ARGV[1])
if not user then
  return 0
end
redis.call("HDEL", KEYS[1], ARGV[1])
if redis.call("HINCRBY", KEYS[3], user, -1) <= 0 then
  redis.call("HDEL", KEYS[3], user)
  redis.call("HDEL", KEYS[2], user)
  local message = {
    event = "pusher_internal:member_removed",
    channel = ARGV[5],
    data = cjson.encode({user_id = user}),
  }
  redis.call("PUBLISH", ARGV[3], ARGV[4] .. cjson.encode(message))
end
return 1
