"""Tasks: what the outputs of a model mean."""
