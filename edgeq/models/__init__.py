"""Where a float model comes from, and what it must be to serve as a baseline."""
