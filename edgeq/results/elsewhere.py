"""Judging variants on another target, and comparing their outputs with those on this machine.

Only gates that look at predictions are judged. None of this enters the record: the answer about a
variant remains that of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from edgeq.config.structs import Spec, Targets
from edgeq.errors import EdgeqError
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, why_inapplicable
from edgeq.run.protocol import AnyArray
from edgeq.run.targets import Target
from edgeq.targets.sameness import Sameness, sameness


@dataclass(frozen=True)
class Elsewhere:
    """A variant, or a baseline, on another target.

    Attributes:
        name: ``MODEL/VARIANT@TARGET``.
        is_baseline: Whether this is the baseline on that target; a baseline has no cases.
        cases: The cases of gates that look at predictions, with ids
            ``MODEL/VARIANT/GATE@TARGET``.
        beside_here: How far its outputs differ from those on this machine; None if it does not run
            on one of the two.
        moved: Number of samples whose class differs from that on this machine; None if it does not
            run on one of the two or is not judged by classes.
    """

    name: str
    is_baseline: bool
    cases: tuple[CaseRecord, ...]
    beside_here: Sameness | None
    moved: int | None


def judge_elsewhere(
    spec: Spec, name: str, target: Target, *, say: Say = lambda _: None
) -> Iterator[Elsewhere]:
    """Yield the results of every baseline of a spec on a target, each followed by its variants'.

    Args:
        spec: The spec to validate.
        name: Name of the target.
        target: The target.
        say: Called with messages about the progress.

    Raises:
        SpecError: The spec declares no case.
        EdgeqError: A baseline can't be made, or does not run on the target or on this machine.
    """
    own = msgspec.structs.replace(spec, targets=Targets())
    here, there = Run(own, say=say), Run(own, target=target, say=say)
    for model in spec.models:
        yield _elsewhere(name, here.baseline(model), there.baseline(model), ())
        for variant in there.variants_of(model):
            cases = [
                judge(case, explain=False)[0]
                for case in there.cases
                if case.variant is variant
                and case.gate.sees_predictions
                and why_inapplicable(case) is None
            ]
            yield _elsewhere(name, here.variant(variant.name), variant, cases)


def _elsewhere(
    name: str, here: VariantUnderTest, there: VariantUnderTest, cases: Sequence[CaseRecord]
) -> Elsewhere:
    beside, moved = _beside(here, there)
    named = tuple(msgspec.structs.replace(case, id=f"{case.id}@{name}") for case in cases)
    return Elsewhere(f"{there.name}@{name}", there.is_baseline, named, beside, moved)


def _beside(here: VariantUnderTest, there: VariantUnderTest) -> tuple[Sameness | None, int | None]:
    try:
        beside = sameness(_outputs(here), _outputs(there))
        if not here.classifies:
            return beside, None
        classes = here.predictions.predicted, there.predictions.predicted
        return beside, int(np.count_nonzero(classes[0] != classes[1]))
    except EdgeqError:  # a variant's cases report the error
        if there.is_baseline:
            raise
        return None, None


def _outputs(variant: VariantUnderTest) -> list[AnyArray]:
    """Return all outputs of a variant on its samples that are judged."""
    if variant.classifies:
        predictions = variant.predictions
        return [np.asarray(predictions.scores), np.asarray(predictions.logits)]
    return [np.asarray(output.rows) for output in variant.tensors]
