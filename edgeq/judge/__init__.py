"""Verdicts out of numbers: a value, its interval and a limit come to one of four."""
