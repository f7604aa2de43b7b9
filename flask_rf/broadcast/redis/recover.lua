-- Says where a channel's history stands, and what came since a position in it.
--
-- KEYS and ARGV as in stand.lua, which is what begins this script
-- Returns the epoch, the offset, then nothing more where not all that came since is there;
-- else the events, in order, in a list.
local epoch, offset, new = stand()
if new then
  -- The position must not end before a history whose server has started again.
  ARGV[2] = math.max(ARGV[2], redis.call('TTL', KEYS[1]))
  note(epoch, offset)
end
local since = tonumber(ARGV[4])
if epoch ~= ARGV[3] or since > offset then return { epoch, offset } end
if since == offset then return { epoch, offset, {} } end
local found = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', since + 1), '+')
if #found < offset - since then return { epoch, offset } end
local events = {}
for i, entry in ipairs(found) do events[i] = entry[2][2] end
return { epoch, offset, events }
