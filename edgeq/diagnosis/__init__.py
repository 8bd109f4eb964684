"""The diagnosis: finds out why a variant failed, as far as cheap experiments can show."""
