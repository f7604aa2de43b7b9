-- Gives back what decide.lua took, where it still counts. KEYS and types as there.
--
-- ARGV[5i-4 .. 5i]  strategy, units allowed, window, cost, mark (the nonce, for w and l)

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function integers(key)
  local numbers = {}
  for digits in string.gmatch(redis.call('GET', key) or '', '%d+') do
    numbers[#numbers + 1] = tonumber(digits)
  end
  return unpack(numbers)
end

local refund = {}

function refund.w(key, l)
  for n = 1, l.cost do redis.call('ZREM', key, l.mark .. ':' .. n) end
end

refund.l = refund.w

function refund.c(key, l)
  local index, current, previous = integers(key)
  if index == tonumber(l.mark) then
    current = math.max(current - l.cost, 0)
  elseif index == tonumber(l.mark) + 1 then
    previous = math.max(previous - l.cost, 0)
  else
    return
  end
  redis.call('SET', key, string.format('%.0f:%d:%d', index, current, previous), 'KEEPTTL')
end

function refund.f(key, l)
  local finish, used = integers(key)
  if finish ~= tonumber(l.mark) then return end
  redis.call('SET', key, string.format('%.0f:%d', finish, math.max(used - l.cost, 0)), 'KEEPTTL')
end

function refund.t(key, l)
  local arrival = redis.call('GET', key)
  if not arrival then return end
  arrival = tonumber(arrival) - math.floor(l.cost * l.window / l.count)
  if arrival <= now then
    redis.call('DEL', key)
  else
    redis.call('SET', key, string.format('%.0f', arrival), 'KEEPTTL')
  end
end

for i, key in ipairs(KEYS) do
  local at = 5 * i - 4
  refund[ARGV[at]](key, {
    count = tonumber(ARGV[at + 1]),
    window = tonumber(ARGV[at + 2]),
    cost = tonumber(ARGV[at + 3]),
    mark = ARGV[at + 4],
  })
end
return 0
