"""Judging cases, and turning a run's measurements into its record, pictures and packages."""
