"""Small servers of one task, each the way its library's documentation shows it.

Every one tells all its sockets each message that is published to Redis, on the path
and in the dialect of its library. Timers that would disturb the count (pings) are off.
"""
