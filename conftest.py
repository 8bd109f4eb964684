"""The plugin comes through its entry point; tests of it run pytest inside pytest."""

import signal

from hypothesis import settings

pytest_plugins = ["pytester"]

# No test is timed: a busy machine is no bug.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

# A shell lets its background jobs, and all that they start, ignore Ctrl-C; tests that press it
# would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
