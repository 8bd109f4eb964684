"""The flow from a spec to a record, as plain code without pytest."""
