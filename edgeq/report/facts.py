"""Reading the facts of a record: what is absent or of another kind is None, never 0. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from edgeq.record.structs import Facts


def number(facts: Mapping[str, object], *path: str) -> float | None:
    """Return the number at a path of keys, None where there is none."""
    value = _at(facts, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def interval(facts: Mapping[str, object], *path: str) -> tuple[float, float] | None:
    """Return the pair of numbers at a path of keys, None where there is none."""
    match _at(facts, path):
        case [int() | float() as low, int() | float() as high]:
            return (float(low), float(high))
    return None


def numbers(facts: Mapping[str, object], *path: str) -> tuple[float, ...]:
    """Return the numbers in the list at a path of keys, empty where one is no number."""
    value = _at(facts, path)
    if not isinstance(value, list | tuple):
        return ()
    found = tuple(
        float(item)
        for item in value
        if isinstance(item, int | float) and not isinstance(item, bool)
    )
    return found if len(found) == len(value) else ()


def text(facts: Mapping[str, object], *path: str) -> str | None:
    """Return the text at a path of keys, None where there is none."""
    value = _at(facts, path)
    return value if isinstance(value, str) and value else None


def texts(facts: Mapping[str, object], *path: str) -> tuple[str, ...]:
    """Return the texts in the list at a path of keys, empty where there is none."""
    value = _at(facts, path)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def table(facts: Mapping[str, object], *path: str) -> Facts:
    """Return the table at a path of keys, empty where there is none."""
    value = _at(facts, path)
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def rows(facts: Mapping[str, object], *path: str) -> tuple[Facts, ...]:
    """Return the tables in the list at a path of keys, empty where there is none."""
    value = _at(facts, path)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(table({"row": item}, "row") for item in value if isinstance(item, Mapping))


def _at(facts: Mapping[str, object], path: tuple[str, ...]) -> object:
    value: object = facts
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
