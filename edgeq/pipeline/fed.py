"""How a variant is fed compared with its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeq.measure.first_values import first_values, same_first_values
from edgeq.record.feeding import (
    Difference,
    Feeding,
    OwnSamples,
    at_the_first_layer,
    differences,
    other_size,
)
from edgeq.samples.sets import ImageSet
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.pipeline.plan import Subject
    from edgeq.pipeline.run import Run


def feeding_of(run: Run, subject: Subject) -> Feeding:
    """Return how a variant is fed compared with its baseline.

    Raises:
        EdgeqError: Variant or baseline can't be made or read, or its samples can't be used.
    """
    inputs, variant = run.inputs(subject.model), subject.variant
    values = _values(run, subject)
    return Feeding(
        differences=(
            *other_size(inputs.input_size_of(variant), inputs.baseline.input_size),
            *differences(inputs.preprocessing_of(variant), inputs.baseline.preprocessing, values),
        ),
        samples=_described(inputs.own_samples(variant)),
        normalizes=values == (),
    )


def _values(run: Run, subject: Subject) -> tuple[Difference, ...] | None:
    """Return how the values differ that reach the first layers of a variant and its baseline.

    Returns:
        None if what is declared says it: no file scales or shifts its input, or both are fed alike.
    """
    inputs = run.inputs(subject.model)
    own, wanted = inputs.preprocessing_of(subject.variant), inputs.baseline.preprocessing
    if (own.mean, own.std) == (wanted.mean, wanted.std):
        return None
    ours = first_values(read_model(run.variant(subject).path), own)
    theirs = first_values(read_model(inputs.baseline.path), wanted)
    if not (ours.inside or theirs.inside):
        return None
    if same_first_values(ours, theirs):
        return ()
    found = at_the_first_layer(ours.range, theirs.range)
    return None if found is None else (found,)


def _described(samples: ImageSet | None) -> OwnSamples | None:
    if samples is None:
        return None
    return OwnSamples(
        source=samples.source, count=len(samples.photos), sha256=samples.content_sha256
    )
