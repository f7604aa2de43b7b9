-- Enters a presence channel and announces a user's first socket.
--
-- KEYS 1  hash  sockets on the channel: socket id -> user id
--      2  hash  users on the channel: user id -> info, JSON
--      3  hash  sockets per user: user id -> count
--      4  set   what this server answers for: "socket id channel user id"
--      5  sorted set, where webhooks are sent: who has left of late, by when; see gone.lua
-- ARGV 1 socket id, 2 user id, 3 info, 4 entry of KEYS 4, 5 PUBLISH or SPUBLISH, 6 topic
--      7 envelope of member_added, 8 how many users there may be
--      9 entry of KEYS 5: "channel user id"
-- Returns whether it is the user's first socket, whether webhooks are to tell of the user, then
-- the users hash, flat; nil where there is no room.
if redis.call("HEXISTS", KEYS[2], ARGV[2]) == 0
  and redis.call("HLEN", KEYS[2]) >= tonumber(ARGV[8]) then
  return false
end
local first, news = 0, 0
redis.call("SADD", KEYS[4], ARGV[4])
if redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) == 1 then
  local sockets = redis.call("HINCRBY", KEYS[3], ARGV[2], 1)
  redis.call("HSET", KEYS[2], ARGV[2], ARGV[3])
  if sockets == 1 then
    first = 1
    redis.call(ARGV[5], ARGV[6], ARGV[7])
    if KEYS[5] and redis.call("ZREM", KEYS[5], ARGV[9]) == 0 then
      news = 1
    end
  end
end
local answer = redis.call("HGETALL", KEYS[2])
table.insert(answer, 1, first)
table.insert(answer, 2, news)
return answer
