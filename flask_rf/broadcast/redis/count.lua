-- Writes one server's subscribers of some channels, and keeps the totals over all servers.
--
-- KEYS 1  hash  one server's subscribers: channel -> number
--      2  hash  all servers' together: channel -> number
--      3  sorted set, where webhooks are sent: who has left of late, by when; see gone.lua
-- ARGV 1 PUBLISH or SPUBLISH, 2 what begins a topic, 3 header of an envelope
--      then for each channel: its name, the server's number, "1" where subscribers are told
-- Returns the new totals, in the order of the channels, and for webhooks the channels that
-- have their first subscriber.
local now = redis.call("TIME")
local totals, occupied = {}, {}
for i = 4, #ARGV, 3 do
  local channel, number = ARGV[i], tonumber(ARGV[i + 1])
  local before = tonumber(redis.call("HGET", KEYS[1], channel) or 0)
  if number > 0 then
    redis.call("HSET", KEYS[1], channel, number)
  else
    redis.call("HDEL", KEYS[1], channel)
  end
  local total = redis.call("HINCRBY", KEYS[2], channel, number - before)
  local was_occupied = total - number + before > 0
  if KEYS[3] and total > 0 and not was_occupied
    and redis.call("ZREM", KEYS[3], channel) == 0 then
    occupied[#occupied + 1] = channel
  elseif KEYS[3] and total <= 0 and was_occupied then
    redis.call("ZADD", KEYS[3], now[1] + now[2] / 1e6, channel)
  end
  if total <= 0 then
    redis.call("HDEL", KEYS[2], channel)
  elseif ARGV[i + 2] == "1" then
    redis.call(ARGV[1], ARGV[2] .. channel, ARGV[3]
      .. '{"event":"pusher_internal:subscription_count","channel":"' .. channel
      .. '","data":"{\\"subscription_count\\":' .. total .. '}"}')
  end
  totals[#totals + 1] = total
end
return {totals, occupied}
