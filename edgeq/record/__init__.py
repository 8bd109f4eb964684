"""The record: the results of a run, as structs and JSON."""
