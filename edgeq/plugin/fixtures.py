"""The fixtures: a case to answer; variant, baseline, images and outputs for tests of one's own.

They may be used side by side::

    def test_mine(edgeq_variant, edgeq_baseline, edgeq_evaluation): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.state import state_of

if TYPE_CHECKING:
    from edgeq.config.structs import Spec
    from edgeq.pipeline.plan import Subject
    from edgeq.pipeline.run import Run
    from edgeq.plugin.case import CaseCheck
    from edgeq.plugin.subject import ModelUnderTest, Outputs
    from edgeq.samples.sets import ImageSet

T = TypeVar("T")


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

    return CaseCheck(request, edgeq_run, state_of(request.config).cases[request.param])


@pytest.fixture
def edgeq_subject(request: pytest.FixtureRequest) -> Subject:
    """One declared variant; a test that uses it, or a fixture below, runs once for each."""
    return state_of(request.config).subjects[request.param]


@pytest.fixture
def edgeq_variant(edgeq_subject: Subject, edgeq_run: Run) -> ModelUnderTest:
    """The variant: ``name, path, sha256, bytes, operators``."""
    from edgeq.plugin.subject import model_under_test

    return _or_fail(lambda: model_under_test(edgeq_run, edgeq_subject.model, edgeq_subject))


@pytest.fixture
def edgeq_baseline(edgeq_subject: Subject, edgeq_run: Run) -> ModelUnderTest:
    """The variant's baseline: ``name, path, sha256, bytes, operators``."""
    from edgeq.plugin.subject import model_under_test

    return _or_fail(lambda: model_under_test(edgeq_run, edgeq_subject.model, None))


@pytest.fixture
def edgeq_evaluation(edgeq_subject: Subject, edgeq_run: Run) -> ImageSet:
    """What the variant is evaluated on: ``photos, labels()``.

    That is the evaluation set of its model, or the variant's own samples in the same order.
    """
    inputs = edgeq_run.inputs(edgeq_subject.model)
    if inputs.evaluation is None:
        pytest.fail("no evaluation set is named in the spec (`images.evaluation`)", pytrace=False)
    return _or_fail(lambda: inputs.evaluation_of(edgeq_subject.variant))


@pytest.fixture
def edgeq_outputs(edgeq_subject: Subject, edgeq_run: Run) -> Outputs:
    """What baseline and variant answer on the evaluation set: ``baseline, variant``."""
    from edgeq.plugin.subject import outputs

    return _or_fail(lambda: outputs(edgeq_run, edgeq_subject))


def _or_fail(make: Callable[[], T]) -> T:
    """Fail the test in one line, without a traceback, where a model can't be used."""
    try:
        return make()
    except EdgeqError as error:
        pytest.fail(str(error), pytrace=False)
