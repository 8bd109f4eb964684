"""Measures of a project's own: its functions are called, and gates judge what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeq.config.functions import load_function
from edgeq.config.measures import measure_of
from edgeq.config.tables import key_text
from edgeq.errors import EdgeqError, SpecError
from edgeq.judge import figures
from edgeq.judge.verdict import Judgement
from edgeq.measure.own_measures import Measured, OwnMeasure, compare_measure

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def value(variant: VariantUnderTest, gate: str, limit: float) -> Judgement:
    """Judge the variant's own value of a measure."""
    return figures.own_value(own_measure(variant, measure_of(gate)), limit)


def drop(variant: VariantUnderTest, gate: str, limit: float) -> Judgement:
    """Judge how much worse the variant's value of a measure is than the baseline's."""
    return figures.own_drop(own_measure(variant, measure_of(gate)), limit)


def own_measure(variant: VariantUnderTest, name: str) -> OwnMeasure:
    """Return a measure of a variant and its baseline, computed once in a run.

    It is not stored, because nothing shows whether the project's function has changed.

    Raises:
        SpecError: The function can't be imported, fails, or returns something else than numbers.
        EdgeqError: One of the models does not run.
    """

    def make() -> OwnMeasure:
        declared = variant.spec.models[variant.model].measures[name]
        ours, theirs = (_measured(side, name) for side in (variant.baseline, variant))
        if (ours.by_sample is None) is not (theirs.by_sample is None):
            raise _refusal(variant, name, "returns one value for one model and several for another")
        return compare_measure(
            ours,
            theirs,
            name=name,
            better=declared.side,
            groups=variant.inputs.images.require_evaluation().groups(),
            confidence=variant.spec.confidence,
            span=declared.range,
        )

    measure: OwnMeasure = variant.results.get(("own measure", name), make)
    return measure


def known_measures(variant: VariantUnderTest) -> tuple[OwnMeasure, ...]:
    """Return the measures of a variant that were computed before."""
    names = variant.spec.models[variant.model].measures
    known = (variant.results.done(("own measure", name)) for name in names)
    return tuple(measure for measure in known if measure is not None)


def _measured(variant: VariantUnderTest, name: str) -> Measured:
    """Return what the function gives for one model; a baseline's is computed once."""
    measured: Measured = variant.results.get(("own values", name), lambda: _values(variant, name))
    return measured


def _values(variant: VariantUnderTest, name: str) -> Measured:
    variant.evaluate_all()
    if not variant.is_baseline:
        variant.tensors  # noqa: B018 - refuses outputs that are unlike the baseline's
    where = _where(variant, name)
    text = variant.spec.models[variant.model].measures[name].function
    function = load_function(text, variant.spec.root, where=where)
    images = variant.inputs.images.require_evaluation()
    labels = images.labels() if images.labelled else None
    outputs = variant.run.executor.own_outputs(variant)
    variant.run.say(f"{variant.name}: measuring {name}")

    def call(places: Integers | None = None) -> Doubles:
        some = outputs if places is None else [rows[places] for rows in outputs]
        truth = labels if labels is None or places is None else labels[places]
        return _called(function, some, truth, variant, name)

    result, count = call(), len(images.photos)
    if result.ndim == 0:
        return Measured(float(result), again=_scalar(call, variant, name))
    if result.shape != (count,):
        raise _refusal(
            variant, name, f"returns the shape {list(result.shape)} for {count:,} samples"
        )
    span = variant.spec.models[variant.model].measures[name].range
    if span is not None and (result.min() < span[0] or result.max() > span[1]):
        what = f"returns values from {result.min():g} to {result.max():g}"
        raise _refusal(variant, name, f"{what}, beyond range = {list(span)}")
    return Measured(float(result.mean()), by_sample=result)


def _scalar(
    call: Callable[[Integers | None], Doubles], variant: VariantUnderTest, name: str
) -> Callable[[Integers], float]:
    def again(places: Integers) -> float:
        result = call(places)
        if result.ndim:
            raise _refusal(variant, name, "returns one value for all samples, several for others")
        return float(result)

    return again


def _called(
    function: Callable[..., Any],
    outputs: list[npt.NDArray[Any]],
    labels: Integers | None,
    variant: VariantUnderTest,
    name: str,
) -> Doubles:
    """Return what a project's function returns, as float64.

    Raises:
        SpecError: It fails, or returns something else than finite numbers.
    """
    try:
        result: Doubles = np.asarray(function(outputs, labels), np.float64)
    except EdgeqError:
        raise
    except (Exception, SystemExit) as error:  # a project's function may raise anything
        raise _refusal(variant, name, f"failed: {type(error).__name__}: {error}") from error
    if not np.isfinite(result).all():
        raise _refusal(variant, name, "returns a value that is not a finite number")
    return result


def _refusal(variant: VariantUnderTest, name: str, what: str) -> SpecError:
    text = variant.spec.models[variant.model].measures[name].function
    return SpecError(
        f"the function {text} {what} ({variant.name})",
        where=_where(variant, name),
        remedy="Return one finite number per sample, or one for all samples",
    )


def _where(variant: VariantUnderTest, name: str) -> str:
    return f"{variant.spec.origin}: {key_text('models', variant.model, 'measures', name)}"
