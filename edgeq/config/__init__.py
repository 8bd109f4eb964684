"""WHAT to validate: the spec, as frozen structs, loaded and checked."""
