"""The real parts the tests run against: servers as processes of their own, on loopback."""
