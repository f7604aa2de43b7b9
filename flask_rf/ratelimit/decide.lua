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

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local nonce = ARGV[1]

local function ttl(microseconds)
  -- two more: the server's own clock for expiry is cached, and in whole milliseconds
  return math.ceil(microseconds / 1000) + 2
end

local function integers(key)
  local numbers = {}
  for digits in string.gmatch(redis.call('GET', key) or '', '%d+') do
    numbers[#numbers + 1] = tonumber(digits)
  end
  return unpack(numbers)
end

local window, counter, fixed, bucket = {}, {}, {}, {}

function window.wait(l)
  redis.call('ZREMRANGEBYSCORE', l.key, '-inf', now - l.window)
  l.used = redis.call('ZCARD', l.key)
  l.oldest = tonumber(redis.call('ZRANGE', l.key, 0, 0, 'WITHSCORES')[2])
  l.lasts = l.window
  local excess = l.used + l.cost - l.count
  if l.cost == 0 or excess <= 0 then return 0 end
  if l.cost > l.count then return l.window end
  local freed = redis.call('ZRANGE', l.key, excess - 1, excess - 1, 'WITHSCORES')
  return tonumber(freed[2]) + l.window - now
end

function window.add(l)
  for n = 1, l.cost do redis.call('ZADD', l.key, now, nonce .. ':' .. n) end
  redis.call('PEXPIRE', l.key, ttl(l.window))
  l.used = l.used + l.cost
  l.oldest = l.oldest or now
end

function window.left(l)
  return l.count - l.used, l.used > 0 and l.oldest + l.window - now or 0, 0
end

local function falls_to(room, units, length)
  return math.ceil(length * (units - room) / units)
end

function counter.wait(l)
  local index = math.floor(now / l.window)
  local number, current, previous = integers(l.key)
  if number == index - 1 then
    current, previous = 0, current
  elseif number ~= index then
    current, previous = 0, 0
  end
  l.index, l.current, l.previous, l.elapsed = index, current, previous, now % l.window
  l.lasts = 2 * l.window - l.elapsed
  local room = l.count - l.cost
  if l.cost == 0 or counter.used(l) <= room then return 0 end
  if room < 0 then return l.window end
  if current <= room then return falls_to(room - current, previous, l.window) - l.elapsed end
  return l.window - l.elapsed + falls_to(room, current, l.window)
end

function counter.used(l)
  return l.current + l.previous * (l.window - l.elapsed) / l.window
end

function counter.add(l)
  l.current = l.current + l.cost
  local value = string.format('%.0f:%d:%d', l.index, l.current, l.previous)
  redis.call('SET', l.key, value, 'PX', ttl(l.lasts))
end

function counter.left(l)
  local idle = l.current + l.previous == 0
  return math.floor(l.count - counter.used(l)), idle and 0 or l.window - l.elapsed, l.index
end

function fixed.wait(l)
  l.finish, l.used = integers(l.key)
  if not l.finish or l.finish <= now or l.used == 0 then l.finish, l.used = now + l.window, 0 end
  l.lasts = l.finish - now
  if l.cost == 0 or l.used + l.cost <= l.count then return 0 end
  return l.lasts
end

function fixed.add(l)
  l.used = l.used + l.cost
  redis.call('SET', l.key, string.format('%.0f:%d', l.finish, l.used), 'PX', ttl(l.lasts))
end

function fixed.left(l)
  return l.count - l.used, l.used > 0 and l.lasts or 0, l.finish
end

function bucket.spacing(l)
  return math.floor(l.cost * l.window / l.count)
end

function bucket.wait(l)
  l.arrival = math.max(tonumber(redis.call('GET', l.key) or 0), now)
  l.lasts = l.arrival - now
  if l.cost == 0 then return 0 end
  if l.cost > l.count then return l.window end
  return math.max(l.lasts + bucket.spacing(l) - l.window, 0)
end

function bucket.add(l)
  l.arrival = l.arrival + bucket.spacing(l)
  redis.call('SET', l.key, string.format('%.0f', l.arrival), 'PX', ttl(l.arrival - now))
end

function bucket.left(l)
  local debt = l.arrival - now
  return math.floor((l.window - debt) * l.count / l.window), debt, 0
end

local strategies = { w = window, l = window, c = counter, f = fixed, t = bucket }
local limits, denied = {}, false

for i, key in ipairs(KEYS) do
  local at = 5 * i - 3
  local l = {
    key = key,
    strategy = strategies[ARGV[at]],
    count = tonumber(ARGV[at + 1]),
    window = tonumber(ARGV[at + 2]),
    cost = tonumber(ARGV[at + 3]),
  }
  l.wait = l.strategy.wait(l)
  if l.wait > 0 and ARGV[at + 4] == '1' then denied = true end
  limits[i] = l
end

local reply = {}
for _, l in ipairs(limits) do
  if not denied and l.wait == 0 and l.cost > 0 then
    l.strategy.add(l)
  elseif redis.call('PTTL', l.key) == -1 then
    redis.call('PEXPIRE', l.key, ttl(math.max(l.lasts, 1)))
  end
  local left, reset, mark = l.strategy.left(l)
  local at = #reply
  reply[at + 1] = l.wait == 0 and 1 or 0
  reply[at + 2] = math.max(left, 0)
  reply[at + 3] = reset
  reply[at + 4] = l.wait
  reply[at + 5] = mark
end
return reply
