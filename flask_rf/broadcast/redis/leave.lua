-- Takes sockets off presence channels, and announces the users whose last ones they were.
-- Whoever runs it a second time, for a dead server say, changes nothing.
--
-- KEYS 1  set   what a server answers for: "socket id channel user id"
--      then for each socket the first three of join.lua
--      last   sorted set, where webhooks are sent: who has left of late, by when; see gone.lua
-- ARGV 1 PUBLISH or SPUBLISH, 2 how many sockets
--      then for each: socket id, user id, entry of KEYS 1, topic, envelope of member_removed,
--      entry of the last key
-- Returns for each, in order, 1 where it was the user's last socket.
local number = tonumber(ARGV[2])
local left = KEYS[3 * number + 2]
local time = redis.call("TIME")
local now = time[1] + time[2] / 1e6

local function leave(sockets, users, counts, socket, user, entry, topic, envelope, gone)
  redis.call("SREM", KEYS[1], entry)
  if redis.call("HDEL", sockets, socket) == 0 then return 0 end
  if redis.call("HINCRBY", counts, user, -1) > 0 then return 0 end
  redis.call("HDEL", counts, user)
  redis.call("HDEL", users, user)
  redis.call(ARGV[1], topic, envelope)
  if left then redis.call("ZADD", left, now, gone) end
  return 1
end

local last = {}
for i = 1, number do
  local k, a = 3 * i - 1, 6 * i - 3
  last[i] = leave(KEYS[k], KEYS[k + 1], KEYS[k + 2], unpack(ARGV, a, a + 5))
end
return last
