"""Numbers out of arrays and bytes. Judges nothing and runs nothing."""
