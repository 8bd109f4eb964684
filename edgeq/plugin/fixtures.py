"""The fixtures: a case to answer; variant, baseline, images and outputs for tests of one's own.

They may be used side by side::

    def test_mine(edgeq_variant, edgeq_baseline, edgeq_evaluation): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.state import state_of

if TYPE_CHECKING:
    from edgeq.config.structs import Spec
    from edgeq.measure.predictions import Predictions
    from edgeq.pipeline.run import Run
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.plugin.case import CaseCheck
    from edgeq.samples.sets import ImageSet

T = TypeVar("T")


class Outputs(NamedTuple):
    """What a baseline and its variant answer on the evaluation set."""

    baseline: Predictions
    variant: Predictions


@pytest.fixture(scope="session")
def edgeq_spec(pytestconfig: pytest.Config) -> Spec:
    """The spec, as ``edgeq.config.structs.Spec``."""
    return state_of(pytestconfig).spec


@pytest.fixture(scope="session")
def edgeq_run(pytestconfig: pytest.Config) -> Run:
    """The run, which makes, executes and measures every variant at most once."""
    return state_of(pytestconfig).run


@pytest.fixture
def edgeq_case(request: pytest.FixtureRequest, edgeq_run: Run) -> CaseCheck:
    """One case of the gate that the test is marked with; call ``check()``."""
    from edgeq.plugin.case import CaseCheck

    del edgeq_run  # a test that asks for a case uses the run
    return CaseCheck(request, state_of(request.config).cases[request.param])


@pytest.fixture
def edgeq_subject(request: pytest.FixtureRequest, edgeq_run: Run) -> VariantUnderTest:
    """One declared variant; a test that uses it, or a fixture below, runs once for each."""
    return edgeq_run.variant(request.param)


@pytest.fixture
def edgeq_variant(edgeq_subject: VariantUnderTest) -> VariantUnderTest:
    """The variant: ``name, path, sha256, bytes, operators``, and whatever else is measured of it.

    The test fails if the variant can't be made.
    """
    return _or_fail(lambda: _made(edgeq_subject))


@pytest.fixture
def edgeq_baseline(edgeq_subject: VariantUnderTest) -> VariantUnderTest:
    """The variant's baseline, of which the same can be asked."""
    return _or_fail(lambda: _made(edgeq_subject.baseline))


@pytest.fixture
def edgeq_evaluation(edgeq_subject: VariantUnderTest) -> ImageSet:
    """What the variant is evaluated on: ``photos, labels()``.

    That is the evaluation set of its model, or the variant's own samples in the same order.
    """
    if edgeq_subject.inputs.images.evaluation is None:
        pytest.fail("no evaluation set is named in the spec (`images.evaluation`)", pytrace=False)
    return _or_fail(lambda: edgeq_subject.samples)


@pytest.fixture
def edgeq_outputs(edgeq_subject: VariantUnderTest) -> Outputs:
    """What baseline and variant answer on the evaluation set: ``baseline, variant``."""
    baseline = edgeq_subject.baseline
    return _or_fail(lambda: Outputs(baseline.predictions, edgeq_subject.predictions))


def _made(variant: VariantUnderTest) -> VariantUnderTest:
    """Return a variant that is made and can be read.

    Raises:
        EdgeqError: It can't be.
    """
    variant.operators  # noqa: B018 - to ask is to make and read it
    return variant


def _or_fail(make: Callable[[], T]) -> T:
    """Fail the test in one line, without a traceback, if a model can't be used."""
    try:
        return make()
    except EdgeqError as error:
        pytest.fail(str(error), pytrace=False)
