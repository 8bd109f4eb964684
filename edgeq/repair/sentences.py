"""The result of a repair, as lines for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edgeq import words
from edgeq.config.tables import header, key_text
from edgeq.record.repair import Repair, TriedRecord
from edgeq.repair.trying import NAME
from edgeq.report.repair_view import mix_text

MAX_UNITS = 8


def lines(repair: Repair, origin: str) -> Iterator[str]:
    """Yield the lines that describe a repair's result."""
    yield (
        f"{repair.model}: {words.plural(len(repair.units), 'unit')}, errors on "
        f"{words.plural(repair.samples, 'calibration sample')}, candidates judged on "
        f"{words.plural(repair.evaluation, 'evaluation sample')}"
    )
    for goal in repair.goals:
        gate = goal.split()[0]
        yield f"Goal: {goal} ({repair.limits[gate]:.4g} here)"
    yield from repair.helped
    yield from _units(repair)
    yield from _check(repair)
    for reason in repair.left_out:
        yield f"Left out: {reason}"
    for number, candidate in enumerate(repair.tried, 1):
        yield f"{number}. {_candidate(candidate)}"
        for lack in candidate.lacks:
            yield f"   {lack}"
    yield from _end(repair, origin)
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in repair.stages.items())
    yield f"{words.duration(repair.duration_s)} in all: {stages}"


def _units(repair: Repair) -> Iterator[str]:
    names = dict.fromkeys(name for unit in repair.units for name in unit.errors)
    for name in names:
        known = [unit for unit in repair.units if name in unit.errors]
        worst = sorted(known, key=lambda unit: -unit.errors[name])[:MAX_UNITS]
        listed = ", ".join(f"{unit.name} {unit.errors[name]:.3f}" for unit in worst)
        yield f"Error alone in {name}: {listed}{', ...' if len(known) > len(worst) else ''}"


def _check(repair: Repair) -> Iterator[str]:
    for mix in repair.mixes:
        yield f"{mix.name}: error {mix.predicted:.3f} predicted, {mix.measured:.3f} measured"
    if not repair.additive:
        yield "Errors of units don't add up in this model: they were reverted one by one"


def _candidate(candidate: TriedRecord) -> str:
    figures = []
    if candidate.bytes is not None:
        figures.append(f"{words.size(candidate.bytes)} ({candidate.bytes:,} bytes)")
    if candidate.error is not None:
        own = candidate.predicted_error
        predicted = "" if own is None else f" (predicted {own:.4f})"
        figures.append(f"error {candidate.error:.4f}{predicted}")
    if candidate.latency_ratio is not None:
        figures.append(f"{words.value('times', candidate.latency_ratio)} of the float model's time")
    verdict = "passes" if candidate.passed else "does not pass"
    return f"{mix_text(candidate)}: {', '.join(figures)}: {verdict}"


def _end(repair: Repair, origin: str) -> Iterator[str]:
    candidate = repair.best
    if candidate is None:
        return
    if repair.repaired is None:
        yield f"Nothing passes. Best: {mix_text(candidate)}, which fails as listed above"
        return
    others, every = len(candidate.units), len(repair.units)
    if 2 * others > every:
        yield (
            f"Only {every - others:,} of {words.plural(every, 'unit')} stay in {candidate.method}: "
            "the variant may be smaller without --from"
        )
    yield "Put this into the spec:"
    yield ""
    yield from spec_table(repair.model, candidate, origin)
    yield ""


def spec_table(model: str, candidate: TriedRecord, origin: str) -> Iterator[str]:
    """Yield the lines of TOML that declare a candidate."""
    yield header(origin, "variants", NAME)
    yield f'model = "{model}"'
    if candidate.file is not None:
        yield f"file = {_quoted(candidate.file)}"
        yield 'weights = "trained"'
        return
    yield f'method = "{candidate.method}"'
    if candidate.percentile is not None:
        yield f"percentile = {candidate.percentile:g}"
    floats = [unit for unit, precision in candidate.units.items() if precision == "float32"]
    others = {unit: name for unit, name in candidate.units.items() if name != "float32"}
    if floats:
        yield f"float_units = [{', '.join(_quoted(unit) for unit in floats)}]"
    if others:
        pairs = ", ".join(f"{key_text(unit)} = {_quoted(name)}" for unit, name in others.items())
        yield f"units = {{ {pairs} }}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
