-- Writes one server's subscribers of some channels, and keeps the totals over all servers.
--
-- KEYS 1  hash  one server's subscribers: channel -> number
--      2  hash  all servers' together: channel -> number
-- ARGV 1 what begins a topic, 2 header of an envelope
--      then for each channel: its name, the server's number, "1" where subscribers are told
-- Returns the new totals, in the order of the channels.
local totals = {}
for i = 3, #ARGV, 3 do
  local channel, number = ARGV[i], tonumber(ARGV[i + 1])
  local before = tonumber(redis.call("HGET", KEYS[1], channel) or 0)
  if number > 0 then
    redis.call("HSET", KEYS[1], channel, number)
  else
    redis.call("HDEL", KEYS[1], channel)
  end
  local total = redis.call("HINCRBY", KEYS[2], channel, number - before)
  if total <= 0 then
    redis.call("HDEL", KEYS[2], channel)
  elseif ARGV[i + 2] == "1" then
    redis.call("PUBLISH", ARGV[1] .. channel, ARGV[2]
      .. '{"event":"pusher_internal:subscription_count","channel":"' .. channel
      .. '","data":"{\\"subscription_count\\":' .. total .. '}"}')
  end
  totals[#totals + 1] = total
end
return totals
