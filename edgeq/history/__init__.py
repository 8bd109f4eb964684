"""Records over time: accepting one, and saying what another changed."""
