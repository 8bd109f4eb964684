"""Two figures in a few words. Pure."""

from __future__ import annotations

from edgeq.history.side import Figure
from edgeq.judge.text import kilobytes

_DECIMALS = 3
_MOST_DECIMALS = 9


def then(before: Figure, after: Figure) -> str:
    """Return the values of two figures, with the digits that tell them apart.

    Both have a value.
    """
    one, two = before.value or 0.0, after.value or 0.0
    if one == two:
        return _in_unit(one, after.unit, _DECIMALS)
    if after.unit == "bytes":
        return f"{kilobytes(one, two)}, then {kilobytes(two, one)}"
    texts = ("", "")
    for digits in range(_DECIMALS, _MOST_DECIMALS + 1):
        texts = _in_unit(one, after.unit, digits), _in_unit(two, after.unit, digits)
        if texts[0] != texts[1]:
            break
    return f"{texts[0]}, then {texts[1]}"


def alone(figure: Figure) -> str:
    """Return a figure's value, or its verdict where it has none."""
    if figure.value is None:
        return figure.status.value
    return _in_unit(figure.value, figure.unit, _DECIMALS)


def background(before: Figure, after: Figure) -> str:
    """Return what else differs between two figures: the file's bytes, the runtime."""
    parts = []
    sizes = before.variant.bytes, after.variant.bytes
    if after.gate == "size_reduction" and all(sizes) and sizes[0] != sizes[1]:
        parts.append(f"{kilobytes(*sizes)}, then {kilobytes(*reversed(sizes))}")
    runtimes = before.conditions.runtime, after.conditions.runtime
    if runtimes[0] != runtimes[1]:
        parts.append(f"runtime {runtimes[0]}, then {runtimes[1]}")
    if before.variant.sha256 and before.variant.sha256 == after.variant.sha256:
        parts.append("the variant's file is the same")
    return "; ".join(parts)


def _in_unit(value: float, unit: str, digits: int) -> str:
    if unit == "bytes":
        return kilobytes(value)
    if unit == "count":
        return f"{value:,.10g}"
    return f"{value:,.{digits}f}{' ms' if unit == 'ms' else ''}"
