"""Stores everything that is made by what it was made from, and shares it between processes."""
