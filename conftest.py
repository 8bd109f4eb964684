"""The plugin comes through its entry point; tests of it run pytest inside pytest.

pytest-benchmark's command reads this file too, in environments without the tests' packages: it
imports nothing of theirs. What all tests need of Hypothesis is in tests/conftest.py.
"""

import signal

pytest_plugins = ["pytester"]

# A shell lets its background jobs, and all that they start, ignore Ctrl-C; tests that press it
# would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
