"""Which examples the property tests draw."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXPLORED = 1000
"""Examples of each property test that `tox -e explore` draws, in place of 100."""

# No test is timed, neither in running nor in drawing its examples: a busy machine is no bug.
UNTIMED = settings(
    settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

settings.register_profile("local", UNTIMED)

# In CI a change is judged by the same examples as the one before it: what fails is the change.
settings.register_profile("ci", UNTIMED, derandomize=True, database=None, print_blob=True)

# Chosen with --hypothesis-profile: other examples each time, and more of them.
settings.register_profile("explore", UNTIMED, max_examples=EXPLORED, print_blob=True)

settings.load_profile("ci" if os.environ.get("CI") else "local")
