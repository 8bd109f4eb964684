"""The one result model: what a run found, as structs and JSON."""
