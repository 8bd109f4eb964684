"""Where a float model comes from, and what a model's file holds."""
