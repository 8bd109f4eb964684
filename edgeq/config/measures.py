"""Gates of a project's own measures, which the spec declares with a function.

``[models.NAME.measures.word_error]`` gives up to two gates: ``word_error`` holds the variant's own
value, and ``word_error_drop`` what it is worse than the baseline's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Literal

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
        _check(name, measure, where)
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

    Args:
        measures: Name of each measure, and the side on which its values are better.
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


def _check(name: str, measure: Measure, where: str) -> None:
    """Refuse a measure whose name or limits make no sense."""
    problem = None
    if not _NAME.fullmatch(name):
        problem = "is not a name of lower-case letters, digits and _", "Rename it"
    elif measure.function.count(":") != 1 or not all(measure.function.split(":")):
        problem = (
            f"{measure.function!r} names no function",
            "Write package.module:function, importable from the spec's folder",
        )
    elif measure.min is not None and measure.max is not None:
        problem = "has both `min` and `max`", "Keep the one on the side that is worse"
    elif measure.better is not None and measure.side != measure.better:
        problem = f"is better if {measure.better}, but has the other limit", "Correct one of them"
    elif (measure.min, measure.max, measure.max_drop) == (None, None, None):
        problem = "has no limit, so nothing is judged", "Set `min`, `max` or `max_drop`"
    elif measure.range is not None and not measure.range[0] < measure.range[1]:
        problem = f"range = {list(measure.range)} is empty", "Write [LEAST, GREATEST]"
    elif measure.range is not None and not all(
        measure.range[0] <= limit <= measure.range[1]
        for limit in (measure.min, measure.max)
        if limit is not None
    ):
        problem = f"its limit is outside range = {list(measure.range)}", "Correct one of them"
    if problem is not None:
        raise SpecError(problem[0], where=where, remedy=problem[1])


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
