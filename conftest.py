"""The plugin comes through its entry point; tests of it run pytest inside pytest."""

pytest_plugins = ["pytester"]
