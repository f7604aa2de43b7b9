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
-- Returns five integers a limit: fits (0/1), units left, time until quota comes back, time
-- until the claim fits, mark for a refund. All times are in microseconds, by this server's clock.

local call, floor, ceil, max = redis.call, math.floor, math.ceil, math.max
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local function ttl(microseconds)
  -- two more: the server's own clock for expiry is cached, and in whole milliseconds
  return ceil(microseconds / 1000) + 2
end

-- Each strategy has three steps: wait(l), until the claim fits; add(l), to count it; left(l).

local window = {}

function window.wait(l)
  local first = call('ZRANGE', l.key, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= now - l.window then
    call('ZREMRANGEBYSCORE', l.key, '-inf', now - l.window)
    first = call('ZRANGE', l.key, 0, 0, 'WITHSCORES')
  end
  l.lasts = l.window
  if first[2] then
    l.since, l.used = tonumber(first[2]), call('ZCARD', l.key)
  else
    l.since, l.used = now, 0
  end
  local excess = l.used + l.cost - l.count
  if l.cost == 0 or excess <= 0 then return 0 end
  if l.cost > l.count then return l.window end
  local freed = call('ZRANGE', l.key, excess - 1, excess - 1, 'WITHSCORES')
  return tonumber(freed[2]) + l.window - now
end

function window.add(l)
  for n = 1, l.cost do call('ZADD', l.key, now, ARGV[1] .. ':' .. n) end
  call('PEXPIRE', l.key, ttl(l.window))
  l.used = l.used + l.cost
end

function window.left(l)
  return l.count - l.used, l.used > 0 and l.since + l.window - now or 0, 0
end

local counter = {}

local function falls_to(room, units, length)
  return ceil(length * (units - room) / units)
end

local function weighed(l)
  return l.used + l.previous * (l.window - l.elapsed) / l.window
end

function counter.wait(l)
  l.since, l.elapsed = floor(now / l.window), now % l.window
  l.lasts = 2 * l.window - l.elapsed
  local value = call('GET', l.key)
  if value then
    local number, current, previous = string.match(value, '(%d+):(%d+):(%d+)')
    if tonumber(number) == l.since then
      l.used, l.previous = tonumber(current), tonumber(previous)
    elseif tonumber(number) == l.since - 1 then
      l.previous = tonumber(current)
    end
  end
  local room = l.count - l.cost
  if l.cost == 0 or weighed(l) <= room then return 0 end
  if room < 0 then return l.window end
  if l.used <= room then return falls_to(room - l.used, l.previous, l.window) - l.elapsed end
  return l.window - l.elapsed + falls_to(room, l.used, l.window)
end

function counter.add(l)
  l.used = l.used + l.cost
  local value = string.format('%.0f:%d:%d', l.since, l.used, l.previous)
  call('SET', l.key, value, 'PX', ttl(l.lasts))
end

function counter.left(l)
  local idle = l.used + l.previous == 0
  return floor(l.count - weighed(l)), idle and 0 or l.window - l.elapsed, l.since
end

local fixed = {}

function fixed.wait(l)
  l.lasts = l.window
  local value = call('GET', l.key)
  if value then
    local finish, used = string.match(value, '(%d+):(%d+)')
    if tonumber(finish) > now and used ~= '0' then
      l.lasts, l.used = tonumber(finish) - now, tonumber(used)
    end
  end
  if l.cost == 0 or l.used + l.cost <= l.count then return 0 end
  return l.lasts
end

function fixed.add(l)
  l.used = l.used + l.cost
  call('SET', l.key, string.format('%.0f:%d', now + l.lasts, l.used), 'PX', ttl(l.lasts))
end

function fixed.left(l)
  return l.count - l.used, l.used > 0 and l.lasts or 0, now + l.lasts
end

local bucket = {}

function bucket.wait(l)
  l.since = max(tonumber(call('GET', l.key) or 0), now)
  l.lasts = l.since - now
  if l.cost == 0 then return 0 end
  if l.cost > l.count then return l.window end
  return max(l.lasts + floor(l.cost * l.window / l.count) - l.window, 0)
end

function bucket.add(l)
  l.since = l.since + floor(l.cost * l.window / l.count)
  l.lasts = l.since - now
  call('SET', l.key, string.format('%.0f', l.since), 'PX', ttl(l.lasts))
end

function bucket.left(l)
  return floor((l.window - l.lasts) * l.count / l.window), l.lasts, 0
end

local strategies = { w = window, l = window, c = counter, f = fixed, t = bucket }
local limits, denied = {}, false

for i = 1, #KEYS do
  local at = 5 * i - 3
  local l = {
    key = KEYS[i],
    strategy = strategies[ARGV[at]],
    count = tonumber(ARGV[at + 1]),
    window = tonumber(ARGV[at + 2]),
    cost = tonumber(ARGV[at + 3]),
    used = 0, previous = 0, since = 0, elapsed = 0, lasts = 0, wait = 0,
  }
  l.wait = l.strategy.wait(l)
  if l.wait > 0 and ARGV[at + 4] == '1' then denied = true end
  limits[i] = l
end

local reply = {}
for i = 1, #KEYS do
  local l, at = limits[i], 5 * i - 4
  if not denied and l.wait == 0 and l.cost > 0 then
    l.strategy.add(l)
  elseif call('PTTL', l.key) == -1 then
    call('PEXPIRE', l.key, ttl(max(l.lasts, 1)))
  end
  local left, reset, mark = l.strategy.left(l)
  reply[at] = l.wait == 0 and 1 or 0
  reply[at + 1] = max(left, 0)
  reply[at + 2] = reset
  reply[at + 3] = l.wait
  reply[at + 4] = mark
end
return reply
