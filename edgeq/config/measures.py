"""Gates of a project's own measures, which the spec declares with a function.

``[models.NAME.measures.word_error]`` gives up to two gates: ``word_error`` holds the variant's own
value, and ``word_error_drop`` what it is worse than the baseline's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from edgeq.config.functions import FUNCTION, is_function
from edgeq.config.gate import FED, Comparison, Gate
from edgeq.config.gates import GATES
from edgeq.config.structs import Limits, Measure, Spec
from edgeq.config.tables import key_text
from edgeq.errors import SpecError

if TYPE_CHECKING:
    from edgeq.judge.verdict import Judgement
    from edgeq.pipeline.variant import VariantUnderTest

DROP = "_drop"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_JUDGE = "edgeq.pipeline.own_measures"


def declare_measures(spec: Spec) -> None:
    """Add the gates of a spec's own measures to the table of gates.

    Raises:
        SpecError: A measure is not valid, or its name is taken.
    """
    rows: dict[str, Gate] = {}
    places: dict[str, str] = {}
    for model, name, measure in _every(spec):
        where = f"{spec.origin}: {key_text('models', model, 'measures', name)}"
        problem = _problem(name, measure)
        if problem is not None:
            raise SpecError(problem[0], where=where, remedy=problem[1])
        for gate in _gates(name, measure.side):
            same = rows.setdefault(gate.name, gate)
            places[gate.name] = where
            if same.sense != gate.sense:
                raise SpecError(
                    f"{name!r} is better if it is {measure.side}, unlike in another model",
                    where=where,
                    remedy="Give one of them another name",
                )
    for gate in rows.values():
        GATES.declare(gate, places[gate.name])


def declare_recorded(measures: Iterable[tuple[str, Literal["higher", "lower"]]]) -> None:
    """Add the gates of measures that a record has, unless a spec declared them.

    Each is given by its name and the side on which its values are better.
    """
    for name, side in measures:
        for gate in _gates(name, side):
            if gate.name not in GATES:
                GATES.declare(gate)


def measure_of(gate: str) -> str:
    """Return the name of the measure that a gate of one is about."""
    return gate.removesuffix(DROP)


def measure_limits(spec: Spec, model: str) -> Limits:
    """Return the limits that a model's own measures set, by gate."""
    limits: Limits = {}
    for name, measure in spec.models[model].measures.items():
        limit = measure.max if measure.side == "lower" else measure.min
        limits |= {} if limit is None else {name: limit}
        limits |= {} if measure.max_drop is None else {f"{name}{DROP}": measure.max_drop}
    return limits


def _every(spec: Spec) -> Iterator[tuple[str, str, Measure]]:
    for model, declared in spec.models.items():
        for name, measure in declared.measures.items():
            yield model, name, measure


def _problem(name: str, measure: Measure) -> tuple[str, str] | None:
    """Return what is wrong with a measure's name or limits and what to do; None if nothing is."""
    if not _NAME.fullmatch(name):
        return "is not a name of lower-case letters, digits and _", "Rename it"
    if not is_function(measure.function):
        return f"{measure.function!r} names no function", FUNCTION
    return _problem_of_limits(measure)


def _problem_of_limits(measure: Measure) -> tuple[str, str] | None:
    """Return what is wrong with a measure's limits and what to do; None if nothing is."""
    for key in ("min", "max", "max_drop"):
        limit = getattr(measure, key)
        if limit is not None and not math.isfinite(limit):
            return f"{key} = {limit} limits nothing", "Write a finite number, or remove the key"
    if measure.min is not None and measure.max is not None:
        return "has both `min` and `max`", "Keep the one on the side that is worse"
    if measure.better is not None and measure.side != measure.better:
        return f"is better if {measure.better}, but has the other limit", "Correct one of them"
    limits = [limit for limit in (measure.min, measure.max) if limit is not None]
    if not limits and measure.max_drop is None:
        return "has no limit, so nothing is judged", "Set `min`, `max` or `max_drop`"
    return None if measure.range is None else _problem_of_range(measure.range, limits)


def _problem_of_range(
    range_: tuple[float, float], limits: Sequence[float]
) -> tuple[str, str] | None:
    """Return what is wrong with the range of a measure's values and what to do about it."""
    least, greatest = range_
    if not -math.inf < least < greatest < math.inf:
        return f"range = {list(range_)} is empty or has no end", "Write [LEAST, GREATEST]"
    if not all(least <= limit <= greatest for limit in limits):
        return f"its limit is outside range = {list(range_)}", "Correct one of them"
    return None


def _gates(name: str, side: Literal["higher", "lower"]) -> Iterator[Gate]:
    """Yield the gates of a measure: its value, and its drop."""
    sense: Literal["min", "max"] = "max" if side == "lower" else "min"
    about = f"{name}, a measure of the project's own"
    yield _gate(name, f"{about}, of the variant", sense, "value")
    yield _gate(
        f"{name}{DROP}", f"{about}: how much worse it is than the baseline's", "max", "drop"
    )


def _gate(name: str, summary: str, sense: Literal["min", "max"], judge: str) -> Gate:
    return Gate(
        name=name,
        marker="accuracy",
        summary=summary,
        judge=_judging(name, judge),
        sense=sense,
        unit="value",
        minimum=-1e300,
        needs_images=True,
        needs_training=True,
        alone=False,
        comparison=Comparison(alike=FED, exact=False),
        written="number",
        declared=True,
    )


def _judging(gate: str, judge: str) -> Callable[[VariantUnderTest, float], Judgement]:
    def judged(variant: VariantUnderTest, limit: float) -> Judgement:
        verdict: Judgement = getattr(import_module(_JUDGE), judge)(variant, gate, limit)
        return verdict

    return judged
