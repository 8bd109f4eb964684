"""The names that a float file's signature gives to inputs and outputs. Pure."""

from __future__ import annotations

import re


def signature_name(name: str) -> str:
    """Return a tensor's name as a signature may hold it: letters, digits and underscores."""
    return re.sub(r"\W", "_", name).lstrip("_") or "output"
