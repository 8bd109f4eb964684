"""Measurements computed from arrays and files. Nothing here is judged or run."""
