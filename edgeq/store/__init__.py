"""Everything made is kept by what it was made from, and shared between processes."""
