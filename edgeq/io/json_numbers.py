"""Finds numbers that JSON can't represent. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator


def not_finite(value: object, path: str = "$") -> Iterator[str]:
    """Yield the path of every NaN and infinity in plain JSON values.

    Args:
        value: Numbers, strings, lists and dictionaries.
        path: Path of ``value`` itself.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from not_finite(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from not_finite(item, f"{path}[{index}]")
