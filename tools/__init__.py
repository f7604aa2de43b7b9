"""What dev.py stands on; like it, with nothing but the standard library."""
