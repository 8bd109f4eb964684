"""pytest settings for all tests. The plugin comes through its entry point.

Tests of the plugin run pytest inside pytest. pytest-benchmark's command also reads this file, in
environments without the tests' packages, so it does not import any of them. What all tests need of
Hypothesis is in tests/conftest.py.
"""

import signal

pytest_plugins = ["pytester"]

# A shell makes its background jobs, and everything they start, ignore Ctrl-C; tests that send it
# would wait forever.
signal.signal(signal.SIGINT, signal.default_int_handler)
