"""The diagnosis: why a variant failed, as far as cheap experiments can tell."""
