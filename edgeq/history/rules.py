"""What must be alike for two figures to be compared, and how far apart counts: data per gate."""

from __future__ import annotations

from collections.abc import Callable

from edgeq.history.accepted import Machine
from edgeq.history.side import Figure
from edgeq.record import Facts
from edgeq.spec.gate import Comparison, Condition
from edgeq.spec.gates import GATES
from edgeq.words import plural

_SHA256_SHOWN = 8


def comparison_of(gate: str) -> Comparison | None:
    """Return how figures of a gate are compared, None if by their verdict alone.

    A proof holds or it does not, and of a gate that is not known any more nothing else is known.
    """
    return GATES.get(gate).comparison if gate in GATES else None


def unlike(before: Figure, after: Figure, rule: Comparison) -> str:
    """Return what keeps two figures from being compared, empty where nothing does."""
    found = (CONDITIONS[name](before, after) for name in rule.alike)
    return "; ".join(text for text in found if text)


def _baseline(before: Figure, after: Figure) -> str:
    one, two = before.conditions.baseline_sha256, after.conditions.baseline_sha256
    return "" if one == two else f"other baseline (sha256 {_short(one)}, then {_short(two)})"


def _images(before: Figure, after: Figure) -> str:
    one, two = before.conditions, after.conditions
    if one.evaluation_sha256 == two.evaluation_sha256:
        return ""
    counts = [plural(side.evaluation_images or 0, "image") for side in (one, two)]
    hashes = [_short(side.evaluation_sha256 or "") for side in (one, two)]
    return f"other images ({counts[0]}, sha256 {hashes[0]}, then {counts[1]}, sha256 {hashes[1]})"


def _preprocessing(before: Figure, after: Figure) -> str:
    one, two = before.preprocessing, after.preprocessing
    keys = [key for key in dict.fromkeys((*one, *two)) if not _same(one, two, key)]
    shown = ", ".join(f"{key} {one.get(key)}, then {two.get(key)}" for key in keys)
    return f"other preprocessing ({shown})" if keys else ""


def _kernels(before: Figure, after: Figure) -> str:
    one, two = before.conditions.kernels, after.conditions.kernels
    return "" if one == two else f"other kernels ({one or 'unknown'}, then {two or 'unknown'})"


def _threads(before: Figure, after: Figure) -> str:
    one, two = before.conditions.threads, after.conditions.threads
    return "" if one == two else f"{plural(one, 'thread')}, then {two}"


def _machine(before: Figure, after: Figure) -> str:
    one, two = before.conditions.machine, after.conditions.machine
    return "" if one == two else f"other machine class ({_class(one)}, then {_class(two)})"


CONDITIONS: dict[Condition, Callable[[Figure, Figure], str]] = {
    "baseline": _baseline,
    "images": _images,
    "preprocessing": _preprocessing,
    "kernels": _kernels,
    "threads": _threads,
    "machine": _machine,
}


def _class(machine: Machine) -> str:
    return " ".join(
        (machine.architecture, machine.processor, plural(machine.cores, "core"))
    ).strip()


def _short(sha256: str) -> str:
    return sha256[:_SHA256_SHOWN] or "none"


def _same(one: Facts, two: Facts, key: str) -> bool:
    return _plain(one.get(key)) == _plain(two.get(key))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
