-- Gives an event the next place in its channel's history, keeps it and publishes it, once.
--
-- KEYS 1 and 2 as in stand.lua, which is what begins this script
--      3  string  says that this event was published already: a retry changes nothing
-- ARGV 1 to 4 as there
--      5 PUBLISH or SPUBLISH, 6 topic
--      7, 8, 9 the envelope without its place: head, texts, message; see envelope.py
--      10 events to keep, 11 seconds to keep them after this one
local ONCE = 60  -- seconds within which a retry comes
if not redis.call('SET', KEYS[3], '', 'NX', 'EX', ONCE) then return 0 end
local epoch, offset = stand()
offset = offset + 1
local number = string.format('%.0f', offset)
local message = string.sub(ARGV[9], 1, -2) .. ',"epoch":"' .. epoch .. '","offset":' .. number .. '}'
local envelope = ARGV[7] .. struct.pack('>BI8', #epoch, offset) .. ARGV[8] .. epoch .. message
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[10], number .. '-0', 'e', envelope)
redis.call('EXPIRE', KEYS[2], ARGV[11])
note(epoch, offset)
redis.call(ARGV[5], ARGV[6], envelope)
return 1
