"""Reading and writing: files, JSON, and texts of others."""
