"""The view of a repair: the error of each unit, the candidates and the choice."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.record.repair import Repair, TriedRecord
from edgeq.report.axis import Axis, Tick, round_numbers
from edgeq.report.file_view import Share
from edgeq.report.words import Mark
from edgeq.words import percentage, plural, size, utc, value

WIDTH, HEIGHT = 620, 300
MAX_NAMES = 8

LEFT, RIGHT, TOP, BOTTOM = 58, 600, 24, 246

_PASSED = Mark("✓", "+", "passes", "good")
_FAILED = Mark("✗", "x", "does not pass", "bad")


@dataclass(frozen=True)
class CandidateView:
    """A mix that was judged.

    Attributes:
        number: Number in the order of judging.
        mix: Its method and the units whose precision differs from the method's.
        size, error, latency: The numbers in words.
        lacks: What the mix lacks, in sentences without a full stop.
        x, y: Position in the picture; None if it has no size or error.
    """

    number: int
    mark: Mark
    mix: str
    size: str
    error: str
    latency: str
    lacks: tuple[str, ...]
    x: float | None
    y: float | None


@dataclass(frozen=True)
class RepairView:
    """The repair.

    Attributes:
        summary: The result in one sentence, without a full stop.
        notes: The goals, what was measured, and whether predictions held.
        precision: The precision whose errors the bars show.
        units: The error of each single unit, with the precision chosen for the unit.
        frontier: Points of the line of mixes that no other mix beats.
        goal: Position of the greatest allowed error; None without such a goal.
    """

    model: str
    summary: str
    mark: Mark
    notes: tuple[str, ...]
    precision: str
    units: tuple[Share, ...]
    frontier: str
    candidates: tuple[CandidateView, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    goal: float | None
    description: str


def repair_view(outcome: Repair | None) -> RepairView | None:
    """Return the view of a repair, None if there was none."""
    if outcome is None:
        return None
    across, upward = _axes(outcome)
    candidates = tuple(
        _candidate(number, tried, across, upward) for number, tried in enumerate(outcome.tried, 1)
    )
    points = (f"{across.at(point.bytes)},{upward.at(point.error)}" for point in outcome.curve)
    allowed = outcome.limits.get("relative_error")
    return RepairView(
        model=outcome.model,
        summary=_summary(outcome),
        mark=_PASSED if outcome.repaired is not None else _FAILED,
        notes=tuple(_notes(outcome)),
        precision=_shown_precision(outcome),
        units=_units(outcome),
        frontier=" ".join(points),
        candidates=candidates,
        x_ticks=across.ticks(round_numbers(across.low, across.high), size),
        y_ticks=upward.ticks(round_numbers(0.0, upward.high), lambda error: f"{error:g}"),
        goal=None if allowed is None else upward.at(allowed),
        description=f"Predicted size against predicted error of {outcome.model}, and "
        f"{plural(len(candidates), 'candidate')} as measured",
    )


def mix_text(candidate: TriedRecord) -> str:
    """Return a candidate's method and units, for example ``"int8, with a, b in float32"``.

    More than ``MAX_NAMES`` units of a precision are only counted.
    """
    by_precision: dict[str, list[str]] = {}
    for unit, precision in candidate.units.items():
        by_precision.setdefault(precision, []).append(unit)
    own = candidate.method
    if candidate.file is not None:
        own = f"trained weights, {own}"
    if candidate.percentile is not None:
        own += f" with ranges at the {candidate.percentile:g}th percentile"
    parts = [
        f"{', '.join(units) if len(units) <= MAX_NAMES else plural(len(units), 'unit')} in {name}"
        for name, units in by_precision.items()
    ]
    return f"{own}, with {' and '.join(parts)}" if parts else f"{own} everywhere"


def _axes(outcome: Repair) -> tuple[Axis, Axis]:
    sizes = [point.bytes for point in outcome.curve]
    sizes += [tried.bytes for tried in outcome.tried if tried.bytes is not None]
    errors = [tried.error for tried in outcome.tried if tried.error is not None]
    errors += [*outcome.limits.values()] if "relative_error" in outcome.limits else []
    # The error of the smallest mixes may be a hundred times that of the candidates.
    highest = 1.6 * max(errors, default=0.0) or max((p.error for p in outcome.curve), default=1.0)
    low, high = min(sizes, default=0), max(sizes, default=1)
    return Axis(low, max(high, low + 1), LEFT, RIGHT), Axis(0.0, highest or 1.0, BOTTOM, TOP)


def _candidate(number: int, tried: TriedRecord, across: Axis, upward: Axis) -> CandidateView:
    is_drawn = tried.bytes is not None and tried.error is not None
    return CandidateView(
        number=number,
        mark=_PASSED if tried.passed else _FAILED,
        mix=mix_text(tried),
        size="not made" if tried.bytes is None else size(tried.bytes),
        error="not measured" if tried.error is None else f"{tried.error:.4f}",
        latency="not measured"
        if tried.latency_ratio is None
        else value("times", tried.latency_ratio),
        lacks=tried.lacks,
        x=across.at(tried.bytes or 0) if is_drawn else None,
        y=upward.at(tried.error or 0.0) if is_drawn else None,
    )


def _summary(outcome: Repair) -> str:
    best = outcome.best
    if best is None:
        return f"No mix of {outcome.model} could be judged"
    figures = [] if best.bytes is None else [size(best.bytes)]
    figures += [] if best.error is None else [f"relative error {best.error:.3f}"]
    if outcome.repaired is None:
        known = f" ({', '.join(figures)})" if figures else ""
        return f"Nothing passes; the best mix is {mix_text(best)}{known}"
    return f"{mix_text(best)} passes: {', '.join(figures)}"


def _notes(outcome: Repair) -> list[str]:
    notes = [f"Goal: {goal} ({outcome.limits[goal.split()[0]]:.4g} here)" for goal in outcome.goals]
    notes.append(
        f"Units measured on {plural(outcome.samples, 'calibration sample')}; candidates judged on "
        f"{plural(outcome.evaluation, 'evaluation sample')}, with intervals of "
        f"{percentage(outcome.confidence)} each, corrected for the number of candidates"
    )
    notes += [
        f"{mix.name}: error {mix.predicted:.3f} predicted, {mix.measured:.3f} measured"
        for mix in outcome.mixes
    ]
    if not outcome.additive:
        notes.append("Errors of units don't add up here, so units were reverted one by one")
    notes += outcome.helped
    notes += [f"Left out: {reason}" for reason in outcome.left_out]
    if outcome.started:
        notes.append(f"Repaired {utc(outcome.started)}")
    return notes


def _shown_precision(outcome: Repair) -> str:
    """Return the precision with the greatest error among those measured for every unit."""
    totals = {
        name: sum(unit.errors[name] ** 2 for unit in outcome.units)
        for name in dict.fromkeys(name for unit in outcome.units for name in unit.errors)
        if all(name in unit.errors for unit in outcome.units)
    }
    return max(totals, key=totals.__getitem__, default="")


def _units(outcome: Repair) -> tuple[Share, ...]:
    name = _shown_precision(outcome)
    errors = [unit.errors.get(name, 0.0) for unit in outcome.units]
    greatest = max(errors, default=0.0) or 1.0
    return tuple(
        Share(name=unit.name, text=f"{error:.3f}, made {unit.chosen}", share=error / greatest)
        for unit, error in zip(outcome.units, errors, strict=True)
    )
