"""What must be alike for two figures to be compared, and how far apart counts: data per gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeq.history.accepted import Machine
from edgeq.history.side import Figure
from edgeq.judge.text import plural
from edgeq.record import Facts

_SHA256_SHOWN = 8


@dataclass(frozen=True)
class Rule:
    """How figures of one gate are compared.

    Attributes:
        alike: Names of the conditions that must be the same, see ``CONDITIONS``.
        tolerance: Differences up to this are within noise, beside the statistics of sampled
            figures. In the gate's unit, or as a share of the smaller value.
        relative: Whether the tolerance is a share.
        exact: Whether the value is a fact; else it is an estimate with an interval.
    """

    alike: tuple[str, ...] = ()
    tolerance: float = 0.0
    relative: bool = False
    exact: bool = True


_OUTPUTS = ("baseline", "images", "preprocessing", "kernels", "threads")
_COSTS = ("kernels", "threads", "machine")

RULES: dict[str, Rule] = {
    "size_reduction": Rule(alike=("baseline",)),
    "max_bytes": Rule(),
    "top1_agreement": Rule(alike=_OUTPUTS, exact=False),
    "top5_overlap": Rule(alike=_OUTPUTS, exact=False),
    # Kernels of another processor round float sums otherwise: 5e-7 was seen in one output.
    "worst_cosine": Rule(alike=_OUTPUTS, tolerance=1e-4),
    "relative_error": Rule(alike=_OUTPUTS, exact=False),
    "accuracy_drop": Rule(alike=_OUTPUTS, exact=False),
    # An interval covers one run. A model timed against itself gave ratios of 0.991 to 1.008
    # (quartiles over runs), and bare times differed by up to 26 % between jobs.
    "latency_ratio": Rule(alike=("baseline", *_COSTS), tolerance=0.05, relative=True, exact=False),
    "max_latency_ms": Rule(alike=_COSTS, tolerance=0.30, relative=True, exact=False),
    # Peaks of eight fresh workers with the same model were 0.1 to 0.5 % apart.
    "max_peak_memory": Rule(alike=_COSTS, tolerance=0.02, relative=True),
    "max_partitions": Rule(alike=("kernels",)),
}
"""By gate. A proof has no rule: it holds or it does not."""


def unlike(before: Figure, after: Figure, rule: Rule) -> str:
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


CONDITIONS: dict[str, Callable[[Figure, Figure], str]] = {
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
