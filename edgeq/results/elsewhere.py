"""Judging variants on one target, and comparing their outputs with those on this machine.

Only gates that look at predictions are judged. None of this enters the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeq.config.check import using
from edgeq.config.structs import Spec
from edgeq.errors import EdgeqError
from edgeq.measure.beside_here import BesideHere
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, why_inapplicable


@dataclass(frozen=True)
class Elsewhere:
    """A variant, or a baseline, on a target.

    ``cases`` are of the gates that look at predictions, none for a baseline. ``beside`` says how
    far its outputs differ from those on this machine; None if it does not run on one of the two.
    """

    name: str
    is_baseline: bool
    cases: tuple[CaseRecord, ...]
    beside: BesideHere | None


def judge_elsewhere(spec: Spec, name: str) -> Iterator[Elsewhere]:
    """Yield the results of every baseline of a spec on a target, each followed by its variants'.

    Raises:
        SpecError: There is no such target, or the spec declares no case.
        EdgeqError: A baseline can't be made, or does not run on the target or on this machine.
    """
    here = Run(using(spec, (name,)))
    there = next(iter(here.elsewhere), here)
    for model in spec.models:
        yield _elsewhere(there.baseline(model), ())
        for variant in there.variants_of(model):
            cases = tuple(
                judge(case, explain=False)[0]
                for case in there.cases
                if case.variant is variant
                and case.gate.sees_predictions
                and why_inapplicable(case) is None
            )
            yield _elsewhere(variant, cases)


def _elsewhere(variant: VariantUnderTest, cases: tuple[CaseRecord, ...]) -> Elsewhere:
    try:
        beside = variant.beside_here
    except EdgeqError:  # a variant's cases report the error
        if variant.is_baseline:
            raise
        beside = None
    return Elsewhere(variant.name, variant.is_baseline, cases, beside)
