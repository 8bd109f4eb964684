"""What must match for two figures to be compared, and which differences count: data per gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgeq.config.gate import Comparison, Condition
from edgeq.config.gates import GATES
from edgeq.history.accepted import Machine
from edgeq.history.snapshot import CaseFigure
from edgeq.record.feeding import Feeding
from edgeq.words import plural

_SHA256_SHOWN = 8


def comparison_of(gate: str) -> Comparison | None:
    """Return how figures of a gate are compared, or None if by verdict only.

    That is so for proofs, and for gates that no longer exist.
    """
    return GATES.get(gate).comparison if gate in GATES else None


def unlike(before: CaseFigure, after: CaseFigure, conditions: Iterable[Condition]) -> str:
    """Describe which conditions keep two figures from being compared; empty if none does.

    Another machine is reported alone: its other differences are not worth mentioning.
    """
    texts = {name: text for name in conditions if (text := CONDITIONS[name](before, after))}
    return texts.get("machine") or "; ".join(texts.values())


def is_other_machine(before: CaseFigure, after: CaseFigure) -> bool:
    """Return whether only the machine differs between two figures.

    Files and runtime are then the same but the processor is not, and its kernels round differently.
    """
    earlier, later = before.conditions, after.conditions
    files = before.variant.sha256, earlier.baseline_sha256
    return (
        earlier.machine != later.machine
        and earlier.runtime == later.runtime
        and all(files)
        and files == (after.variant.sha256, later.baseline_sha256)
    )


def fed_otherwise(before: CaseFigure, after: CaseFigure, rule: Comparison) -> str:
    """Describe how a variant's feeding changed relative to its baseline's; empty if it did not.

    Unlike the other conditions, this one belongs to the variant: its figures stay in doubt until
    they are accepted with the new feeding.
    """
    return _feeding(before, after) if "feeding" in rule.alike else ""


def _baseline(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.conditions.baseline_sha256, after.conditions.baseline_sha256
    if earlier == later:
        return ""
    return f"other baseline (sha256 {_short(earlier)}, then {_short(later)})"


def _images(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.conditions, after.conditions
    if earlier.evaluation_sha256 == later.evaluation_sha256:
        return ""
    counts = [plural(side.evaluation_images or 0, "image") for side in (earlier, later)]
    hashes = [_short(side.evaluation_sha256 or "") for side in (earlier, later)]
    return f"other images ({counts[0]}, sha256 {hashes[0]}, then {counts[1]}, sha256 {hashes[1]})"


def _preprocessing(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.preprocessing, after.preprocessing
    every = dict.fromkeys((*earlier, *later))
    keys = [key for key in every if earlier.get(key) != later.get(key)]
    shown = ", ".join(f"{key} {earlier.get(key)}, then {later.get(key)}" for key in keys)
    return f"other preprocessing ({shown})" if keys else ""


def _feeding(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.feeding, after.feeding
    if earlier is later is None or _is_fed_alike(before, after):
        return ""
    if earlier is not None and later is not None:
        earlier, later = _unlike_parts(earlier, later), _unlike_parts(later, earlier)
    texts = ("not recorded" if side is None else side.text for side in (earlier, later))
    return f"the variant is fed differently ({', then '.join(texts)})"


def _unlike_parts(feeding: Feeding, other: Feeding) -> Feeding:
    """Return the parts of a feeding that differ from another."""
    return Feeding(
        differences=tuple(way for way in feeding.differences if way not in other.differences),
        samples=None if _samples(feeding) == _samples(other) else feeding.samples,
    )


def _samples(feeding: Feeding) -> str:
    return "" if feeding.samples is None else feeding.samples.sha256


def _is_fed_alike(before: CaseFigure, after: CaseFigure) -> bool:
    """Return whether a variant is fed the same way, relative to its baseline or absolutely."""
    earlier, later = before.feeding, after.feeding
    if earlier is None or later is None:
        # Nothing differs now; how it was fed then is left to the rule on preprocessing.
        return not any(side is not None and side.differs for side in (earlier, later))
    if _samples(earlier) != _samples(later):
        return False
    if earlier.differences == later.differences:
        return True
    if not any(map(_is_older, (before, after))):
        return False
    # Older records do not say what the file itself does to its input: compare what is declared.
    baselines = before.conditions.preprocessing, after.conditions.preprocessing
    return baselines[0] == baselines[1] and not _preprocessing(before, after)


def _is_older(figure: CaseFigure) -> bool:
    """Return whether the variant has its own preprocessing and predates recorded feedings."""
    return figure.variant.feeding is None and bool(figure.variant.preprocessing)


def _kernels(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.conditions.kernels, after.conditions.kernels
    if earlier == later:
        return ""
    return f"other kernels ({earlier or 'unknown'}, then {later or 'unknown'})"


def _threads(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.conditions.threads, after.conditions.threads
    return "" if earlier == later else f"{plural(earlier, 'thread')}, then {later}"


def _machine(before: CaseFigure, after: CaseFigure) -> str:
    earlier, later = before.conditions.machine, after.conditions.machine
    if earlier == later:
        return ""
    return f"other machine class ({_class(earlier)}, then {_class(later)})"


CONDITIONS: dict[Condition, Callable[[CaseFigure, CaseFigure], str]] = {
    "baseline": _baseline,
    "images": _images,
    "preprocessing": _preprocessing,
    "feeding": _feeding,
    "kernels": _kernels,
    "threads": _threads,
    "machine": _machine,
}


def _class(machine: Machine) -> str:
    cores = plural(machine.cores, "core")
    return f"{machine.architecture} {machine.processor} {cores}".strip()


def _short(sha256: str) -> str:
    return sha256[:_SHA256_SHOWN] or "none"
