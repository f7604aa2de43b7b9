"""``flask rf doctor``: what would hurt in production, and how to mend it.

:mod:`.look` gathers facts, :mod:`.app`, :mod:`.redis` and :mod:`.machine` judge them. Judging is
pure: facts in, findings out.
"""
