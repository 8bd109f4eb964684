"""Trying a fault of the catalogue on a good variant."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Diagnosis
from edgeq.diagnosis.explaining import diagnose
from edgeq.errors import EdgeqError
from edgeq.faults.challenge import make
from edgeq.faults.fault import Fault, Faulty, faults
from edgeq.faults.good import Good
from edgeq.faults.inject import join
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest


class Tried(NamedTuple):
    """A fault in a good variant.

    Attributes:
        fault: The fault.
        faulty: What it changed.
        variant: The variant with it.
    """

    fault: Fault
    faulty: Faulty
    variant: VariantUnderTest


def tried(good: Good, name: str) -> Tried:
    """Return a good variant with a fault of the catalogue."""
    made = make(faults().get(name), good)
    assert made.faulty is not None, made.broken or made.inapplicable
    variant = Run(join(good, name, made.faulty), store=good.variant.run.store).variants[0]
    return Tried(made.fault, made.faulty, variant)


def diagnosis_of(variant: VariantUnderTest, error: EdgeqError | None = None) -> Diagnosis:
    """Return what the whole diagnosis says of a variant."""
    with closing(Bench(variant, error)) as bench:
        return diagnose(bench)
