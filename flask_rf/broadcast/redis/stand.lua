-- Where a channel's history stands; the beginning of publish.lua and recover.lua.
--
-- KEYS 1  string  "epoch offset server": the number of the last event, and the run id of the
--                 server that gave it
--      2  stream  event n, as an envelope, under the id n-0
-- ARGV 1 an epoch to begin if need be, 2 seconds the position is kept
--      3 the epoch and 4 the offset up to which somebody has heard; "" and 0 of nobody
--      the last two: this server's run id; "1" if it has kept all it had before it started
--
-- An epoch ends where numbers it has given out could be given out again: another server goes
-- on in its place, or somebody has heard what this one does not know of.
local server, kept = ARGV[#ARGV - 1], ARGV[#ARGV] == '1'

local function stand()
  local found = redis.call('GET', KEYS[1]) or ''
  local epoch, offset, primary = string.match(found, '^(%S+) (%d+) (%S+)$')
  offset = tonumber(offset)
  local replaced = primary ~= server and not kept
  local behind = epoch == ARGV[3] and tonumber(ARGV[4]) > offset
  if not epoch or replaced or behind then
    redis.call('DEL', KEYS[2])
    return ARGV[1], 0, true
  end
  return epoch, offset, primary ~= server
end

local function note(epoch, offset)
  local position = epoch .. ' ' .. string.format('%.0f', offset) .. ' ' .. server
  redis.call('SET', KEYS[1], position, 'EX', ARGV[2])
end

