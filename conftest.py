"""The plugin comes through its entry point; tests of it run pytest inside pytest."""

from hypothesis import settings

pytest_plugins = ["pytester"]

# No test is timed: a busy machine is no bug.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
