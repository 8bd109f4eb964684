"""Verdicts from measurements: a value, its interval and a limit give one of four verdicts."""
