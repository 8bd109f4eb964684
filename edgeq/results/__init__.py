"""Cases are judged, and what a run measured becomes its record, its pictures and its packages."""
