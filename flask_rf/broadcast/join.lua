-- Enters a presence channel and announces a user's first socket.
--
-- KEYS 1  hash  sockets on the channel: socket id -> user id
--      2  hash  users on the channel: user id -> info, JSON
--      3  hash  sockets per user: user id -> count
--      4  set   what this server answers for: "socket id channel"
-- ARGV 1 socket id, 2 user id, 3 info, 4 entry of KEYS 4, 5 topic, 6 envelope of member_added
--      7 how many users there may be
-- Returns the users hash, flat; nil where there is no room.
if redis.call("HEXISTS", KEYS[2], ARGV[2]) == 0
  and redis.call("HLEN", KEYS[2]) >= tonumber(ARGV[7]) then
  return false
end
redis.call("SADD", KEYS[4], ARGV[4])
if redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) == 1 then
  local sockets = redis.call("HINCRBY", KEYS[3], ARGV[2], 1)
  redis.call("HSET", KEYS[2], ARGV[2], ARGV[3])
  if sockets == 1 then
    redis.call("PUBLISH", ARGV[5], ARGV[6])
  end
end
return redis.call("HGETALL", KEYS[2])
