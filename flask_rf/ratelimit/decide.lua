-- Decides all limits of a request together: if one denies, none is consumed.
--
-- KEYS[i]  the count of limit i. Its type follows from the strategy, which is part of the key:
--   w  sliding window   sorted set; a member per unit, "nonce:n", scored by its time
--   l  concurrency      the same, of leases; a refund ends one, the window one never refunded
--   c  sliding counter  string "window's number:units in it:units in the one before"
--   f  fixed window     string "window's end:units"
--   t  token bucket     string; theoretical arrival time of the next unit (GCRA)
-- ARGV[1]  nonce, unlike any other request's
-- ARGV[5i-3 .. 5i+1]  strategy, units allowed, window, cost, "1" if a breach denies ("0": shadow)
--
-- Returns four integers a limit: time until the claim fits (0: it does), units left, time until
-- quota comes back, mark for a refund. Times are in microseconds, by this server's clock.
--
-- A strategy looks first: it returns the time until the claim fits, and what settles the claim
-- once all have looked. One closure a limit: tables of functions and of fields took a third
-- of the script's time.

local call, floor, ceil, max = redis.call, math.floor, math.ceil, math.max
local tonumber, match, format = tonumber, string.match, string.format
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local function ttl(microseconds)
  -- two more: the server's own clock for expiry is cached, and in whole milliseconds
  return ceil(microseconds / 1000) + 2
end

local function window_log(key, count, window, cost)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= now - window then
    call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  end
  local oldest, used, wait = now, 0, 0
  if first[2] then oldest, used = tonumber(first[2]), call('ZCARD', key) end
  local excess = used + cost - count
  if cost > count then
    wait = window
  elseif cost > 0 and excess > 0 then
    wait = call('ZRANGE', key, excess - 1, excess - 1, 'WITHSCORES')[2] + window - now
  end
  return wait, function(takes)
    if takes then
      for n = 1, cost do call('ZADD', key, now, ARGV[1] .. ':' .. n) end
      call('PEXPIRE', key, ttl(window))
      used = used + cost
    end
    return count - used, used > 0 and oldest + window - now or 0, 0
  end
end

local function sliding_counter(key, count, window, cost)
  local index, elapsed, used, previous = floor(now / window), now % window, 0, 0
  local value = call('GET', key)
  if value then
    local number, current, before = match(value, '(%d+):(%d+):(%d+)')
    if tonumber(number) == index then
      used, previous = tonumber(current), tonumber(before)
    elseif tonumber(number) == index - 1 then
      previous = tonumber(current)
    end
  end
  local function weighed() return used + previous * (window - elapsed) / window end
  -- when in a window the weight of what came in the one before is down to `room`
  local function falls_to(room, units) return ceil(window * (units - room) / units) end
  local room, wait = count - cost, 0
  if room < 0 then
    wait = window
  elseif cost > 0 and weighed() > room then
    if used <= room then
      wait = falls_to(room - used, previous) - elapsed
    else
      wait = window - elapsed + falls_to(room, used)
    end
  end
  return wait, function(takes)
    if takes then
      used = used + cost
      local value = format('%.0f:%d:%d', index, used, previous)
      call('SET', key, value, 'PX', ttl(2 * window - elapsed))
    end
    return floor(count - weighed()), used + previous > 0 and window - elapsed or 0, index
  end
end

local function fixed_window(key, count, window, cost)
  local finish, used = now + window, 0
  local value = call('GET', key)
  if value then
    local ends, units = match(value, '(%d+):(%d+)')
    if tonumber(ends) > now and units ~= '0' then
      finish, used = tonumber(ends), tonumber(units)
    end
  end
  local fits = cost == 0 or used + cost <= count
  return fits and 0 or finish - now, function(takes)
    if takes then
      used = used + cost
      call('SET', key, format('%.0f:%d', finish, used), 'PX', ttl(finish - now))
    end
    return count - used, used > 0 and finish - now or 0, finish
  end
end

local function token_bucket(key, count, window, cost)
  local arrival, spacing = max(tonumber(call('GET', key) or 0), now), floor(cost * window / count)
  local wait = 0
  if cost > count then
    wait = window
  elseif cost > 0 then
    wait = max(arrival + spacing - now - window, 0)
  end
  return wait, function(takes)
    if takes then
      arrival = arrival + spacing
      call('SET', key, format('%.0f', arrival), 'PX', ttl(arrival - now))
    end
    return floor((window - arrival + now) * count / window), arrival - now, 0
  end
end

local strategies = {
  w = window_log, l = window_log, c = sliding_counter, f = fixed_window, t = token_bucket,
}
local waits, settle, denied = {}, {}, false

for i = 1, #KEYS do
  local at = 5 * i - 3
  local look = strategies[ARGV[at]]
  local count, window, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  waits[i], settle[i] = look(KEYS[i], count, window, cost)
  if waits[i] > 0 and ARGV[at + 4] == '1' then denied = true end
end

local reply = {}
for i = 1, #KEYS do
  local takes = not denied and waits[i] == 0 and ARGV[5 * i] ~= '0'
  local left, reset, mark = settle[i](takes)
  if not takes and call('PTTL', KEYS[i]) == -1 then
    call('PEXPIRE', KEYS[i], ttl(2 * ARGV[5 * i - 1]))  -- no strategy looks further back
  end
  reply[i] = { waits[i], max(left, 0), reset, mark }
end
return reply
