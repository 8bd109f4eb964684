"""What must be alike for two figures to be compared, and how far apart counts: data per gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edgeq.config.gate import Comparison, Condition
from edgeq.config.gates import GATES
from edgeq.history.accepted import Machine
from edgeq.history.snapshot import CaseFigure
from edgeq.io.structs import Json
from edgeq.record.feeding import Feeding
from edgeq.words import plural

_SHA256_SHOWN = 8


def comparison_of(gate: str) -> Comparison | None:
    """Return how figures of a gate are compared, None if by their verdict alone.

    A proof holds or it does not, and of a gate that is not known any more nothing else is known.
    """
    return GATES.get(gate).comparison if gate in GATES else None


def unlike(before: CaseFigure, after: CaseFigure, conditions: Iterable[Condition]) -> str:
    """Return what of some conditions keeps two figures from being compared, empty if nothing does.

    Another machine says it all: what else differs on it is not worth a line of its own.
    """
    texts = {name: text for name in conditions if (text := CONDITIONS[name](before, after))}
    return texts.get("machine") or "; ".join(texts.values())


def is_other_machine(before: CaseFigure, after: CaseFigure) -> bool:
    """Return whether nothing but the machine can tell two figures apart.

    Files and runtime are the same then, and the processor is not: its kernels round otherwise.
    """
    earlier, two = before.conditions, after.conditions
    files = before.variant.sha256, earlier.baseline_sha256
    return (
        earlier.machine != two.machine
        and earlier.runtime == two.runtime
        and all(files)
        and files == (after.variant.sha256, two.baseline_sha256)
    )


def fed_otherwise(before: CaseFigure, after: CaseFigure, rule: Comparison) -> str:
    """Return how a variant's feeding changed compared with its baseline's, empty if it did not.

    Unlike the other conditions this one is of the variant's own: its figures stay in doubt until
    they are accepted as it is fed now.
    """
    return _feeding(before, after) if "feeding" in rule.alike else ""


def _baseline(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.conditions.baseline_sha256, after.conditions.baseline_sha256
    return (
        "" if earlier == two else f"other baseline (sha256 {_short(earlier)}, then {_short(two)})"
    )


def _images(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.conditions, after.conditions
    if earlier.evaluation_sha256 == two.evaluation_sha256:
        return ""
    counts = [plural(side.evaluation_images or 0, "image") for side in (earlier, two)]
    hashes = [_short(side.evaluation_sha256 or "") for side in (earlier, two)]
    return f"other images ({counts[0]}, sha256 {hashes[0]}, then {counts[1]}, sha256 {hashes[1]})"


def _preprocessing(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.preprocessing, after.preprocessing
    keys = [key for key in dict.fromkeys((*earlier, *two)) if not _same(earlier, two, key)]
    shown = ", ".join(f"{key} {earlier.get(key)}, then {two.get(key)}" for key in keys)
    return f"other preprocessing ({shown})" if keys else ""


def _feeding(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.feeding, after.feeding
    if earlier is two is None or _is_fed_alike(before, after):
        return ""
    if earlier is not None and two is not None:
        earlier, two = _unlike_parts(earlier, two), _unlike_parts(two, earlier)
    texts = ("not recorded" if side is None else side.text for side in (earlier, two))
    return f"the variant is fed otherwise ({', then '.join(texts)})"


def _unlike_parts(feeding: Feeding, other: Feeding) -> Feeding:
    """Return a feeding without what it has in common with another one."""
    return Feeding(
        differences=tuple(way for way in feeding.differences if way not in other.differences),
        samples=None if _samples(feeding) == _samples(other) else feeding.samples,
    )


def _samples(feeding: Feeding) -> str:
    return "" if feeding.samples is None else feeding.samples.sha256


def _is_fed_alike(before: CaseFigure, after: CaseFigure) -> bool:
    """Return whether a variant is fed alike, compared with its baseline or in itself."""
    earlier, two = before.feeding, after.feeding
    if earlier is None or two is None:
        # Nothing differs now, and what it was then is for the preprocessing's rule to say.
        return not any(side is not None and side.differs for side in (earlier, two))
    if _samples(earlier) != _samples(two):
        return False
    if earlier.differences == two.differences:
        return True
    if not any(map(_is_older, (before, after))):
        return False
    # What the file itself does to its input was not looked at then: what is declared is compared.
    baselines = before.conditions.preprocessing, after.conditions.preprocessing
    return baselines[0] == baselines[1] and not _preprocessing(before, after)


def _is_older(figure: CaseFigure) -> bool:
    """Return whether its variant has a preprocessing of its own, from before feedings were kept."""
    return figure.variant.feeding is None and bool(figure.variant.preprocessing)


def _kernels(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.conditions.kernels, after.conditions.kernels
    return (
        "" if earlier == two else f"other kernels ({earlier or 'unknown'}, then {two or 'unknown'})"
    )


def _threads(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.conditions.threads, after.conditions.threads
    return "" if earlier == two else f"{plural(earlier, 'thread')}, then {two}"


def _machine(before: CaseFigure, after: CaseFigure) -> str:
    earlier, two = before.conditions.machine, after.conditions.machine
    return "" if earlier == two else f"other machine class ({_class(earlier)}, then {_class(two)})"


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
    return " ".join(
        (machine.architecture, machine.processor, plural(machine.cores, "core"))
    ).strip()


def _short(sha256: str) -> str:
    return sha256[:_SHA256_SHOWN] or "none"


def _same(earlier: Mapping[str, Json], two: Mapping[str, Json], key: str) -> bool:
    return earlier.get(key) == two.get(key)
