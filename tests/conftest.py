"""What holds for every test: none depends on how fast the machine is at the moment."""

import os

from hypothesis import HealthCheck, settings

FULL = os.environ.get("FULL", "") not in ("", "0")

# Each run tries others, so half of Hypothesis' own number is enough for one that people wait for.
settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100 if FULL else 50
)
settings.load_profile("no clock")
