"""Chance that spreads out in time what many processes do, drawn from the system.

The ``random`` module's own state belongs to the app: who seeds it, or counts on nobody else drawing
from it, as Hypothesis does, must not notice threads of ours. And a fork shares no state of ours.
"""

from random import SystemRandom

between = SystemRandom().uniform
