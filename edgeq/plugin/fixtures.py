"""The fixtures: a case to judge, and variant, baseline, images and outputs for a user's own tests.

They can be combined::

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
    """Predictions of a baseline and its variant on the evaluation set."""

    baseline: Predictions
    variant: Predictions


@pytest.fixture(scope="session")
def edgeq_spec(pytestconfig: pytest.Config) -> Spec:
    """The spec, an ``edgeq.config.structs.Spec``."""
    return state_of(pytestconfig).spec


@pytest.fixture(scope="session")
def edgeq_run(pytestconfig: pytest.Config) -> Run:
    """The run, which builds, runs and measures every variant at most once."""
    return state_of(pytestconfig).run


@pytest.fixture
def edgeq_case(request: pytest.FixtureRequest, edgeq_run: Run) -> CaseCheck:
    """One case of the gate that marks the test; call ``check()`` to judge it."""
    from edgeq.plugin.case import CaseCheck

    del edgeq_run  # requested because a test with a case uses the run
    return CaseCheck(request, state_of(request.config).cases[request.param])


@pytest.fixture
def edgeq_subject(request: pytest.FixtureRequest, edgeq_run: Run) -> VariantUnderTest:
    """One declared variant; a test that uses it, or a fixture below, runs once per variant."""
    return edgeq_run.variant(request.param)


@pytest.fixture
def edgeq_variant(edgeq_subject: VariantUnderTest) -> VariantUnderTest:
    """The variant: ``name, path, sha256, bytes, operators`` and all other measurements.

    The test fails if the variant can't be built.
    """
    return _or_fail(lambda: _made(edgeq_subject))


@pytest.fixture
def edgeq_baseline(edgeq_subject: VariantUnderTest) -> VariantUnderTest:
    """The variant's baseline, with the same attributes."""
    return _or_fail(lambda: _made(edgeq_subject.baseline))


@pytest.fixture
def edgeq_evaluation(edgeq_subject: VariantUnderTest) -> ImageSet:
    """The images that the variant is evaluated on: ``photos, labels()``.

    They are its model's evaluation set, or the variant's own samples in the same order.
    """
    if edgeq_subject.inputs.images.evaluation is None:
        pytest.fail("no evaluation set is named in the spec (`images.evaluation`)", pytrace=False)
    return _or_fail(lambda: edgeq_subject.samples)


@pytest.fixture
def edgeq_outputs(edgeq_subject: VariantUnderTest) -> Outputs:
    """Predictions of baseline and variant on the evaluation set: ``baseline, variant``."""
    baseline = edgeq_subject.baseline
    return _or_fail(lambda: Outputs(baseline.predictions, edgeq_subject.predictions))


def _made(variant: VariantUnderTest) -> VariantUnderTest:
    """Return a variant once it is known that it can be built and read.

    Raises:
        EdgeqError: It can't be built or read.
    """
    variant.operators  # noqa: B018 - accessing the property builds and reads it
    return variant


def _or_fail(make: Callable[[], T]) -> T:
    """Return the result, or fail the test in one line without a traceback if there is an error."""
    try:
        return make()
    except EdgeqError as error:
        pytest.fail(str(error), pytrace=False)
